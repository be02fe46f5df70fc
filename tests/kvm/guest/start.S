/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a micro-guest begins, on the boot processor and on the others, and its exception entries.
 * It is entered in 64-bit mode, or by the PVH note (only with -DPVH) in 32-bit mode.
 */

#define SEL_CODE64 0x08
#define SEL_DATA   0x10
#define SEL_CODE32 0x18

#define MSR_EFER 0xc0000080

	.text
	.code64
	.globl	_start
_start:					/* RSI: boot_params */
	cld
	lgdt	gdtr(%rip)
	mov	$stack_top, %esp
	pushq	$SEL_CODE64
	pushq	$1f
	lretq
1:	mov	$pml4, %eax
	mov	%rax, %cr3
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%rsi, %rdi
	xor	%esi, %esi
	call	guest_start

	.code32
/* From flat 32-bit mode to 64-bit mode with our page tables; goes on at \to. */
.macro	LONG_MODE to
	mov	$SEL_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	%cr4, %eax
	or	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$0x100, %eax		/* LME */
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax	/* PG */
	mov	%eax, %cr0
	ljmp	$SEL_CODE64, $\to
.endm

#ifdef PVH
pvh_start:				/* EBX: hvm_start_info */
	cld
	lgdt	gdtr
	LONG_MODE pvh_64
	.code64
pvh_64:	mov	$stack_top, %esp
	mov	%ebx, %edi
	mov	$1, %esi
	call	guest_start

	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	pvh_start
	.text
#endif

/* Where the other processors begin: copied to a page below 1 MiB, by smp.c. */
	.code16
	.globl	ap_begin, ap_end
ap_begin:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	ap_gdtr - ap_begin
	mov	%cr0, %eax
	or	$1, %eax		/* PE */
	mov	%eax, %cr0
	ljmpl	$SEL_CODE32, $ap_32
ap_gdtr:
	.word	gdt_end - gdt - 1
	.long	gdt
ap_end:
	.code32
ap_32:	LONG_MODE ap_64
	.code64
ap_64:	mov	$1, %eax
	lock xadd %eax, ap_ticket(%rip)	/* the n-th to come gets the n-th stack */
	mov	%eax, %edi
	inc	%eax
	shl	$10, %eax
	lea	ap_stacks(%rax), %rsp
	call	ap_main
1:	hlt
	jmp	1b

/* One entry for each vector: 16 bytes apart. Exceptions do not return, so their error codes stay. */
	.balign	16
	.globl	vectors
vectors:
	.set	n, 0
	.rept	64
	.balign	16
	push	$n
	jmp	vector
	.set	n, n + 1
	.endr
vector:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	mov	72(%rsp), %rdi		/* vector */
	mov	80(%rsp), %rsi		/* RIP, or the error code */
	call	guest_interrupt
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$8, %rsp
	iretq

	.data
	.balign	8
gdt:	.quad	0
	.quad	0x00af9b000000ffff	/* SEL_CODE64 */
	.quad	0x00cf93000000ffff	/* SEL_DATA */
	.quad	0x00cf9b000000ffff	/* SEL_CODE32 */
gdt_end:
gdtr:	.word	gdt_end - gdt - 1
	.quad	gdt
ap_ticket:
	.long	0

/* 8 GiB one to one, in 2 MiB pages: made by the assembler, as an emulated guest is slow. */
	.balign	4096
pml4:	.quad	pdpt + 3
	.fill	511, 8, 0
pdpt:
	.set	n, 0
	.rept	8
	.quad	pds + 3 + n * 4096
	.set	n, n + 1
	.endr
	.fill	504, 8, 0
pds:
	.set	n, 0
	.rept	4096
	.quad	n * 0x200000 + 0x83
	.set	n, n + 1
	.endr

	.bss
	.balign	16
	.skip	16384
stack_top:
ap_stacks:
	.skip	64 * 1024

	.section .note.GNU-stack, "", @progbits

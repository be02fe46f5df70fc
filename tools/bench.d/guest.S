/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a guest can be: an ELF kernel, entered by its PVH note, that writes 42 to the exit
 * port; with -DHALT, one that sleeps for ever instead.
 */
	.code32
	.globl	_start
_start:
#ifndef HALT
	mov	$42, %al
	out	%al, $0xf4
#endif
1:	cli
	hlt
	jmp	1b

	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	_start

	.section .note.GNU-stack, "", @progbits

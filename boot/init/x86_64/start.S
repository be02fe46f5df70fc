/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the first process knows of its processor: how it begins, and how it calls the kernel.
 * Spec: System V ABI, AMD64 supplement, section A.2.1.
 */
	.text

	/* The kernel enters with argc, argv and the environment on the stack. */
	.globl _start
	.type _start, @function
_start:
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	and	$-16, %rsp
	call	init_main
	hlt

	/* sys_callN(number, N arguments): one body, as the registers that are not used do no harm. */
	.globl sys_call0, sys_call1, sys_call2, sys_call3, sys_call5
	.type sys_call5, @function
sys_call0:
sys_call1:
sys_call2:
sys_call3:
sys_call5:
	mov	%rdi, %rax
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	mov	%rcx, %rdx
	mov	%r8, %r10
	mov	%r9, %r8
	syscall
	ret

	.section .note.GNU-stack, "", @progbits

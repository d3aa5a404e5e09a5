/*
 * Copies between kernel and user memory. If a page of user memory cannot be had, the fault handler (user-memory.c)
 * continues at user_copy_fault.
 *
 * int user_copy(void *to, const void *from, size_t n): 0, or 1: not all was copied.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
    .text
    .globl user_copy, user_copy_begin, user_copy_end, user_copy_fault
user_copy:
    movq %rdx, %rcx
    shrq $3, %rcx
user_copy_begin:
    rep movsq
    movl %edx, %ecx
    andl $7, %ecx
    rep movsb
user_copy_end:
    xorl %eax, %eax
    ret
user_copy_fault:
    movl $1, %eax
    ret

    .section .note.GNU-stack, "", @progbits

/*
 * The vDSO (vdso/), in a page of its own (vdso.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
    .section .rodata.vdso, "a"
    .balign 4096
    .globl vdso_image
vdso_image:
    .incbin "vdso.so"
    .balign 4096
    .section .note.GNU-stack, "", @progbits

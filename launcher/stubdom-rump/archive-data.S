/*
 * The files that come with the image (archive.c): a cpio archive, made by build.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
    .section .rodata.archive, "a", @progbits
    .balign 16
    .globl host_archive_begin, host_archive_end
host_archive_begin:
    .incbin ARCHIVE
host_archive_end:
    .section .note.GNU-stack, "", @progbits

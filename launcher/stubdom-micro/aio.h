/*
 * Asynchronous I/O (aio.c), as far as the rest of the kernel has to know of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef AIO_H
#define AIO_H

/*
 * The calling process ends, or gets another program: removes its contexts. Requests under way finish later; their
 * memory stays pinned until then. Call this before the process's descriptors and memory are freed.
 */
void aio_process_end(void);

#endif

/*
 * What the rest of the kernel has to do about asynchronous I/O (aio.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef AIO_H
#define AIO_H

/*
 * The calling process ends, or gets another program: its contexts go. Requests under way end by
 * themselves; their memory stays pinned until then. Before its descriptors and memory go.
 */
void aio_process_end(void);

#endif

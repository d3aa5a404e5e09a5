/*
 * A xenstore in memory in place of libxenstore's: set the nodes, and pass fake_xs_open() to the code under test.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_XS_H
#define FAKE_XS_H

#include <stdbool.h>
#include <stddef.h>

struct xs_handle;

/* Empties the store. From now on relative paths are below /local/domain/DOMID. */
void fake_xs_reset(unsigned int domid);
struct xs_handle *fake_xs_open(void);

/* Sets a node and fires the watches on it. NULL removes it, with all below it. */
void fake_xs_set(const char *path, const char *value);
void fake_xs_set_bytes(const char *path, const void *bytes, size_t size);
/* NULL when there is none. */
const char *fake_xs_get(const char *path);

/* All operations fail with this error from now on; 0: they work again. */
void fake_xs_fail(int error);
/* Opened handles that were not closed. */
int fake_xs_open_handles(void);

#endif

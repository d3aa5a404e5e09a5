/*
 * A growing list of strings, always terminated by NULL, as exec() wants it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STR_LIST_H
#define STR_LIST_H

#include "util.h"

struct str_list {
    char **items; /* NULL while empty */
    size_t count;
};

void str_list_init(struct str_list *list);
void str_list_dispose(struct str_list *list);

/* Appends a copy. 0 or -ENOMEM. */
int str_list_add(struct str_list *list, const char *text);

/* Appends formatted text. 0 or -ENOMEM. */
int str_list_addf(struct str_list *list, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define cleanup_str_list __attribute__((cleanup(str_list_dispose)))

#endif

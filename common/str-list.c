/*
 * A growing list of strings (str-list.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "str-list.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void str_list_init(struct str_list *list)
{
    list->items = NULL;
    list->count = 0;
}

void str_list_dispose(struct str_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    str_list_init(list);
}

/* Takes over text, even if it fails. */
static int add_owned(struct str_list *list, char *text)
{
    char **grown;

    if (!text)
        return -ENOMEM;
    grown = reallocarray(list->items, list->count + 2, sizeof(*grown));
    if (!grown) {
        free(text);
        return -ENOMEM;
    }
    list->items = grown;
    grown[list->count++] = text;
    grown[list->count] = NULL;
    return 0;
}

int str_list_add(struct str_list *list, const char *text)
{
    return add_owned(list, strdup(text));
}

int str_list_addf(struct str_list *list, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    int len;

    va_start(args, fmt);
    len = vasprintf(&text, fmt, args);
    va_end(args);
    return add_owned(list, len < 0 ? NULL : text);
}

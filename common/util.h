/*
 * Small things that every file needs: cleanup attributes, and number parsing
 * that refuses what strtoul() lets through.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_H
#define UTIL_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/*
 * Makes a table with a row for each value of an enum. If any row is missing, it does not compile:
 *   TABLE_BEGINS(texts);
 *   static const char *const texts[] = { TABLE_ROW(RED) = "red", TABLE_ROW(BLUE) = "blue" };
 *   TABLE_ENDS(texts, COLOUR_COUNT);
 * Each row increments the compiler's counter. -Wextra finds a row that is there twice.
 */
#define TABLE_BEGINS(table) enum { table##_begins = __COUNTER__ }
#define TABLE_ROW(index) [(index) + 0 * __COUNTER__]
#define TABLE_ENDS(table, count) \
    _Static_assert(__COUNTER__ - table##_begins - 1 == (count) && ARRAY_SIZE(table) == (count), \
                   #table ": a row for every value")

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

static inline void cleanup_freep(void *p)
{
    free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* Closes *fd if it is open, and sets it to -1. */
static inline void fd_close(int *fd)
{
    cleanup_closep(fd);
    *fd = -1;
}

/* Frees or closes a local at the end of its scope; take it out with steal_… to hand it over. */
#define cleanup_free __attribute__((cleanup(cleanup_freep)))
#define cleanup_close __attribute__((cleanup(cleanup_closep)))

static inline void *steal_pointer_(void *p)
{
    void *taken = *(void **)p;

    *(void **)p = NULL;
    return taken;
}

#define steal_pointer(p) ((__typeof__(*(p)))steal_pointer_(p))

static inline int steal_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

/*
 * Parses the whole of text as a decimal number of at most max: digits only, no
 * sign, no blanks. 0, or -EINVAL, or -ERANGE.
 */
int parse_uint(const char *text, unsigned int max, unsigned int *value);

/* snprintf() that returns 0, or -ENAMETOOLONG when the result does not fit. */
int format_text(char *buf, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

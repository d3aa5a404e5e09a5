/*
 * fault: why something was refused, as the one line that the person who ran the command reads.
 *
 * Functions that can refuse take a `struct fault *`, describe the refusal in it where the file, key
 * or value is known, and return a negative errno. Only main prints it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_FAULT_H
#define XL_STUBDOM_FAULT_H

#include <stdio.h>

struct fault {
    char text[1024]; /* cut when longer: a config may hold values of any length */
};

/*
 * Describes the fault and returns `rc` (a negative errno), so that a caller can write
 * `return fault_set(…)`.
 */
int fault_set(struct fault *fault, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints "xl-stubdom: TEXT" and a newline, with everything unprintable escaped. */
void fault_print(const struct fault *fault, FILE *out);

/*
 * Writes `len` bytes of `text` to `out` so that a terminal shows them and does nothing else: bytes
 * outside printable ASCII become \xNN, tabs and backslashes are kept.
 */
void text_print_escaped(const char *text, size_t len, FILE *out);

#endif

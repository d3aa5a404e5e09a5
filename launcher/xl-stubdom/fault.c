/*
 * fault: one line that says why something was refused. See fault.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fault.h"

#include <stdarg.h>
#include <string.h>

int fault_set(struct fault *fault, int rc, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fault->text, sizeof(fault->text), format, args);
    va_end(args);
    return rc;
}

void text_print_escaped(const char *text, size_t len, FILE *out)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = text[i];

        if (c == '\t' || (c >= 0x20 && c < 0x7f))
            putc(c, out);
        else
            fprintf(out, "\\x%02x", c);
    }
}

void fault_print(const struct fault *fault, FILE *out)
{
    fputs("xl-stubdom: ", out);
    text_print_escaped(fault->text, strlen(fault->text), out);
    putc('\n', out);
}

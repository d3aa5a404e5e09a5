/*
 * host-file: looks whether dom0 has a file. See host-file.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host-file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

static bool is_program(const char *path)
{
    cleanup_fclose FILE *f = fopen(path, "re");
    char magic[4] = "";

    return f && fread(magic, 1, sizeof(magic), f) == sizeof(magic) &&
           (!memcmp(magic, "\177ELF", 4) || !memcmp(magic, "\x1f\x8b", 2));
}

/* Why it cannot be used so; NULL: it can. */
static const char *judge(const char *path, enum host_file_use use)
{
    struct stat st;

    if (stat(path, &st) ||
        (use != HOST_FILE_EXISTS && S_ISREG(st.st_mode) && access(path, use == HOST_FILE_RUNS ? X_OK : R_OK)))
        return strerror(errno);
    if (use != HOST_FILE_EXISTS && !S_ISREG(st.st_mode))
        return "not a plain file";
    if (use >= HOST_FILE_LOADS && !st.st_size)
        return "it is empty";
    return use == HOST_FILE_BOOTS && !is_program(path) ? "no ELF program, as hvmloader is" : NULL;
}

int host_file_check(const char *folder, const char *name, enum host_file_use use, struct fault *fault,
                    const char *format, ...)
{
    bool relative = folder && *name != '/';
    cleanup_free char *path = NULL;
    struct fault what;
    const char *why;
    va_list args;

    if (relative && asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
        return fault_set(fault, -ENOMEM, "%s: out of memory", name);
    }
    va_start(args, format);
    vsnprintf(what.text, sizeof(what.text), format, args);
    va_end(args);
    why = judge(relative ? path : name, use);
    if (!why)
        return 0;
    return fault_set(fault, -EINVAL, "%s: %s%s%s", what.text, relative ? path : "", relative ? ": " : "", why);
}

/*
 * The log of common/: it passes lines to a sink that the program sets, and never prints itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LOG_H
#define LOG_H

#include "util.h"

#define LOG_LINE_MAX 400

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/*
 * Gets one line: no newline, only printable ASCII (others arrive as \xNN, since
 * part of what is logged was chosen by a peer), at most LOG_LINE_MAX bytes.
 */
typedef void log_sink(void *data, enum log_level level, const char *line);

/* Lines go to sink from now on; NULL drops them. One sink a program. */
void log_set_sink(log_sink *sink, void *data);

void log_line(enum log_level level, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif

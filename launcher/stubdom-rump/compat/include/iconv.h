/*
 * POSIX's prototype of iconv(): NetBSD's of that time had const.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_ICONV_H
#define STUBDOM_ICONV_H
#define iconv netbsd_iconv
#include_next <iconv.h>
#undef iconv
size_t iconv(iconv_t, char **, size_t *, char **, size_t *) __asm__("iconv");
#endif

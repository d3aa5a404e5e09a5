/*
 * NetBSD's header, as far as launcher/stubdom-rump uses it: one request of ioctl()'s; its number does not matter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NETBSD_SYS_DKIO_H
#define NETBSD_SYS_DKIO_H

#define DIOCGWEDGEINFO 0xc0de647aUL

#endif

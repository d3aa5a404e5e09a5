/*
 * The rump kernel's header, as far as launcher/stubdom-rump uses it: device nodes for files of the host. The test
 * implements the functions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NETBSD_RUMP_RUMP_H
#define NETBSD_RUMP_RUMP_H

enum { RUMP_ETFS_REG, RUMP_ETFS_BLK, RUMP_ETFS_CHR };

int rump_pub_etfs_register(const char *path, const char *hostpath, int type);
int rump_pub_etfs_remove(const char *path);

#endif

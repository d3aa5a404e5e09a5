/*
 * Translates Xen's error numbers into NetBSD's (host.h). Up to 34 they are the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

int host_errno(long result)
{
    static const struct { uint8_t xen, bsd; } others[] = {
        { PV_EAGAIN, BSD_EAGAIN }, { PV_ENAMETOOLONG, BSD_ENAMETOOLONG }, { PV_ENOSYS, BSD_ENOSYS },
        { 61 /* ENODATA */, BSD_ENOENT }, { PV_EPROTO, BSD_EPROTO }, { 75, BSD_EOVERFLOW },
        { PV_EOPNOTSUPP, BSD_EOPNOTSUPP }, { PV_ENOBUFS, BSD_ENOBUFS }, { PV_ENOTCONN, BSD_ENOTCONN },
        { PV_ETIMEDOUT, BSD_ETIMEDOUT },
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (result == -(long)others[i].xen)
            return others[i].bsd;
    if (result > 0 || result < -(long)PV_ERANGE)
        return BSD_EIO;
    return (int)-result;
}

/*
 * Compiled with a toolchain's headers, and not linked: checks that its rump/rumpuser.h and our rumpuser.h declare the
 * same functions, and give the same numbers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/types.h>

#define LIBRUMPUSER
/* The structures would be defined twice: theirs get another name. */
#define rumpuser_hyperup theirs_hyperup
#define rumpuser_iovec theirs_iovec
#define rumpuser_init theirs_init
#define rumpuser_iovread theirs_iovread
#define rumpuser_iovwrite theirs_iovwrite
#include <rump/rumpuser.h>
#undef rumpuser_hyperup
#undef rumpuser_iovec
#undef rumpuser_init
#undef rumpuser_iovread
#undef rumpuser_iovwrite

#define RUMPUSER_DECLARATIONS_ONLY
#define rump_biodone_fn ours_biodone_fn
#define rump_modinit_fn ours_modinit_fn
#define rump_symload_fn ours_symload_fn
#define rump_compload_fn ours_compload_fn
#include "rumpuser.h"

#define SAME(condition) _Static_assert(condition, "as in rumpuser.h")
#define SAME_MEMBER(type, member) \
    SAME(offsetof(struct theirs_##type, member) == offsetof(struct rumpuser_##type, member))

SAME(sizeof(struct theirs_hyperup) == sizeof(struct rumpuser_hyperup));
SAME_MEMBER(hyperup, hyp_backend_unschedule);
SAME_MEMBER(hyperup, hyp_backend_schedule);
SAME(sizeof(struct theirs_iovec) == sizeof(struct rumpuser_iovec));
SAME_MEMBER(iovec, iov_len);
SAME(RUMPUSER_VERSION == 17 && RUMPUSER_PANIC == -1);
SAME(RUMPUSER_OPEN_RDONLY == 0 && RUMPUSER_OPEN_WRONLY == 1 && RUMPUSER_OPEN_RDWR == 2 &&
     RUMPUSER_OPEN_ACCMODE == 3);
SAME(RUMPUSER_FT_OTHER == 0 && RUMPUSER_FT_DIR == 1 && RUMPUSER_FT_REG == 2 && RUMPUSER_FT_BLK == 3 &&
     RUMPUSER_FT_CHR == 4);
SAME(RUMPUSER_BIO_READ == 1 && RUMPUSER_BIO_WRITE == 2 && RUMPUSER_BIO_SYNC == 4);
SAME(RUMPUSER_CLOCK_RELWALL == 0 && RUMPUSER_CLOCK_ABSMONO == 1);
SAME(RUMPUSER_LWP_CREATE == 0 && RUMPUSER_LWP_DESTROY == 1 && RUMPUSER_LWP_SET == 2 &&
     RUMPUSER_LWP_CLEAR == 3);
SAME(RUMPUSER_MTX_SPIN == 1 && RUMPUSER_MTX_KMUTEX == 2);
SAME(RUMPUSER_RW_READER == 0 && RUMPUSER_RW_WRITER == 1);

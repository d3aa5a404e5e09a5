/*
 * Maps the vDSO (vdso/) into a program, so that it can read the time without a system call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"
#include "vdso/vdso.h"

#include <linux/mman.h>

extern char vdso_image[];

static const struct vma_ops vdso_ops = { .whole = true }; /* the pages are unmapped, but not freed */

int vdso_map(struct space *space)
{
    static union { struct vdso_data data; char page[PV_PAGE]; } data __attribute__((aligned(4096)));
    const uint64_t frames[VDSO_PAGES] = {
        [VDSO_IMAGE] = pv_frame_of(vdso_image),
        [VDSO_DATA] = pv_frame_of(&data),
        [VDSO_SHARED_INFO] = pv_start_info->shared_info >> PV_PAGE_SHIFT,
    };
    long rc = space_map(space, VDSO_AT, VDSO_PAGES * PV_PAGE, PROT_READ | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);

    data.data.began = pv_clock_to_xen(0);
    if (rc < 0)
        return (int)rc;
    for (struct vma *vma = space->vmas; vma; vma = vma->next)
        if (vma->start == VDSO_AT)
            vma->ops = &vdso_ops;
    for (unsigned int i = 0; i < VDSO_PAGES; i++) {
        int failed = pv_map(space->root, VDSO_AT + i * PV_PAGE, frames[i],
                            PV_PROT_USER | (i == VDSO_IMAGE ? PV_PROT_EXEC : 0), PV_SELF);

        if (failed)
            return failed;
    }
    return 0;
}

/*
 * What the stub domain asks Xen to do with its guest. See guest.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#include <errno.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sched.h>
#include <xencall.h>
#include <xendevicemodel.h>

/* Uses the device model's own operation for it: even a restricted handle allows that one. */
int guest_crash(struct platform *base, unsigned int guest)
{
    xendevicemodel_handle *handle = xendevicemodel_open(NULL, 0);
    int rc;

    if (!handle)
        return -errno;
    rc = xendevicemodel_shutdown(handle, guest, SHUTDOWN_crash) ? -errno : 0;
    xendevicemodel_close(handle);
    return rc;
}

static int set_param(xencall_handle *handle, unsigned int guest, unsigned int index, uint64_t value)
{
    struct xen_hvm_param *param = xencall_alloc_buffer(handle, sizeof(*param));
    int rc;

    if (!param)
        return -ENOMEM;
    *param = (struct xen_hvm_param){ .domid = guest, .index = index, .value = value };
    rc = xencall2(handle, __HYPERVISOR_hvm_op, HVMOP_set_param, (uintptr_t)param) < 0 ? -errno : 0;
    xencall_free_buffer(handle, param);
    return rc;
}

int guest_sleep(struct platform *base, unsigned int guest, unsigned int s_state)
{
    xencall_handle *handle = xencall_open(NULL, 0);
    int rc;

    if (!handle)
        return -errno;
    rc = set_param(handle, guest, HVM_PARAM_ACPI_S_STATE, s_state);
    xencall_close(handle);
    return rc;
}

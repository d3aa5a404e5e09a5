/*
 * The log, and the end of the domain (pv.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#include <xen/hvm/dm_op.h>
#include <xen/sched.h>

#define LINE_MAX 400

uint16_t pv_guest;

void pv_log_bytes(const char *bytes, size_t size)
{
    pv_console_log_write(bytes, size);
}

static void log_line(const char *format, va_list args)
{
    char line[LINE_MAX];
    uint64_t ms = pv_clock() / PV_MS;
    int n = pv_format(line, sizeof(line), "[%5lu.%03lu] ", ms / 1000, ms % 1000);

    n += pv_vformat(line + n, sizeof(line) - (size_t)n - 1, format, args);
    if (n > LINE_MAX - 2)
        n = LINE_MAX - 2;
    line[n++] = '\n';
    pv_log_bytes(line, (size_t)n);
}

void pv_log(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    log_line(format, args);
    va_end(args);
}

/* Without its device model the guest would hang in its next access. */
static void crash_guest(void)
{
    struct xen_dm_op op = { .op = XEN_DMOP_remote_shutdown,
                            .u.remote_shutdown.reason = SHUTDOWN_crash };
    struct xen_dm_op_buf buffer = { .size = sizeof(op) };

    set_xen_guest_handle(buffer.h, (void *)&op);
    if (!pv_guest)
        return;
    if (HYPERCALL3(dm_op, pv_guest, 1, &buffer))
        pv_log("cannot shut down guest %u", pv_guest);
    else
        pv_log("guest %u was shut down, reason crash", pv_guest);
}

static void __attribute__((noreturn)) shut_down(unsigned int reason)
{
    struct sched_shutdown shutdown = { .reason = reason };

    for (;;)
        HYPERCALL2(sched_op, SCHEDOP_shutdown, &shutdown);
}

void pv_panic(const char *format, ...)
{
    static bool again;
    va_list args;

    /* A fault in this block calls pv_panic() again. */
    if (!again) {
        again = true;
        va_start(args, format);
        log_line(format, args);
        va_end(args);
        pv_backtrace((uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0) + 16, PV_BACKTRACE);
        crash_guest();
        pv_threads_show();
        /* The reason once more, because people look at the end of a log first. */
        va_start(args, format);
        log_line(format, args);
        va_end(args);
    }
    shut_down(SHUTDOWN_crash);
}

void pv_power_off(void)
{
    shut_down(SHUTDOWN_poweroff);
}

/*
 * libxenctrl, with a function that Xen 4.17's lacks.
 */
#ifndef XEN_CONTROL_H
#define XEN_CONTROL_H

#include <errno.h>
#include <xen/arch-x86/cpuid.h>
#include <xenctrl.h>

#ifndef XEN_CPUID_TSC_MODE_NEVER_EMULATE
#define XEN_CPUID_TSC_MODE_NEVER_EMULATE 2u
#endif

/* As in Xen 4.18. */
#if XEN_DOMCTL_INTERFACE_VERSION < 0x16

/*
 * 0, or -1 with errno; ESRCH: there is no such domain. xc_domain_getinfolist() returns the first domain with this
 * number or a higher one, so the number is checked.
 */
static inline int xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
    int n = xc_domain_getinfolist(xc, domid, 1, info);

    if (n < 0)
        return -1;
    if (n == 1 && info->domain == domid)
        return 0;
    errno = ESRCH;
    return -1;
}

#endif

#endif

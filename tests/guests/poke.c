/*
 * poke DOMID ADDRESS BYTES: writes BYTES (hexadecimal) at that virtual address of a PV domain's first vCPU, to
 * read-only pages too. They must not cross a page. Status 0, or 1 and a line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

static int complain(const char *what)
{
    fprintf(stderr, "poke: %s: %s\n", what, strerror(errno));
    return 1;
}

/* Returns the number of bytes, or 0 if the text is not hexadecimal or too long. */
static size_t read_bytes(const char *text, unsigned char *bytes, size_t size)
{
    size_t n = strlen(text) / 2;

    if (strlen(text) % 2 || n > size)
        return 0;
    for (size_t i = 0; i < n; i++)
        if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
            return 0;
    return n;
}

int main(int argc, char **argv)
{
    unsigned char bytes[64], *page;
    xenforeignmemory_handle *memory;
    xc_interface *xch;
    unsigned long address;
    xen_pfn_t frame;
    uint32_t domid;
    size_t n;

    if (argc != 4 || !(n = read_bytes(argv[3], bytes, sizeof(bytes)))) {
        fprintf(stderr, "usage: poke DOMID ADDRESS BYTES\n");
        return 1;
    }
    domid = (uint32_t)strtoul(argv[1], NULL, 10);
    address = strtoul(argv[2], NULL, 16);
    xch = xc_interface_open(NULL, NULL, 0);
    memory = xenforeignmemory_open(NULL, 0);
    if (!xch || !memory)
        return complain("cannot open Xen's interface");
    frame = xc_translate_foreign_address(xch, domid, 0, address);
    if (!frame || address % XC_PAGE_SIZE + n > XC_PAGE_SIZE)
        return complain(argv[2]);
    page = xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &frame, NULL);
    if (!page)
        return complain("cannot map the page");
    memcpy(page + address % XC_PAGE_SIZE, bytes, n);
    return 0;
}

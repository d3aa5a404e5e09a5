// sources: launcher/dom0-daemon/root/pci-control.c
// cflags: -DPCI_CONTROL_FILE="\"/tmp/test-dm-pci-control\""
/*
 * Each PCI device of the stub domain is written to dom0's pciback, or the log says that the device has no interrupts.
 * It is also noted in xenstore for the guest when it appears.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "pci-control.h"
#include "store.h"

#include <sys/stat.h>

static int devices, opened, noted, note_rc;
static char said[LOG_LINE_MAX];
static struct pci_control control;

int store_open(struct store *store, int domid)
{
    assert_int_equal(domid, 7);
    opened++;
    return 0;
}

void store_close(struct store *store)
{
    opened--;
}

int store_list_pci(struct store *store, char addresses[STORE_MAX_PCI][STORE_PCI_ADDRESS])
{
    for (int i = 0; i < devices; i++)
        snprintf(addresses[i], STORE_PCI_ADDRESS, "0000:00:%02x.0", 16 + i);
    return devices;
}

int store_note_pci(struct store *store, const char *address)
{
    noted++;
    return note_rc;
}

static void hear(void *data, enum log_level level, const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static int forget(void **state)
{
    unlink(PCI_CONTROL_FILE);
    log_set_sink(hear, NULL);
    said[0] = '\0';
    control.count = noted = note_rc = 0;
    return 0;
}

static void test_named(void **state)
{
    char text[32] = "";
    FILE *f = fopen(PCI_CONTROL_FILE, "w");

    fclose(f);
    devices = 0;
    pci_control_follow(&control, 7);
    assert_string_equal(said, "");
    devices = 2;
    pci_control_follow(&control, 7);
    f = fopen(PCI_CONTROL_FILE, "r");
    assert_int_equal(fread(text, 1, sizeof(text) - 1, f), 12); /* each device is a write of its own, at offset 0 */
    fclose(f);
    assert_string_equal(text, "0000:00:11.0");
    assert_string_equal(said, "PCI device 0000:00:11.0: the stub domain may control its interrupts");
    assert_int_equal(opened, 0);
    assert_int_equal(noted, 2);
}

/* It is written again and again, because pciback may have forgotten it. It is noted and logged only when it appears. */
static void test_comes_and_goes(void **state)
{
    fclose(fopen(PCI_CONTROL_FILE, "w"));
    devices = 1;
    pci_control_follow(&control, 7);
    said[0] = '\0';
    fclose(fopen(PCI_CONTROL_FILE, "w"));
    pci_control_follow(&control, 7);
    assert_string_equal(said, "");
    assert_int_equal(noted, 1);
    {
        struct stat st;

        assert_int_equal(stat(PCI_CONTROL_FILE, &st), 0);
        assert_int_equal(st.st_size, 12);
    }
    devices = -EINVAL; /* an error does not mean that there are none */
    pci_control_follow(&control, 7);
    devices = 1;
    pci_control_follow(&control, 7);
    assert_int_equal(noted, 1);
    devices = 0;
    pci_control_follow(&control, 7);
    devices = 1;
    note_rc = -EIO;
    pci_control_follow(&control, 7);
    assert_int_equal(noted, 2);
    assert_non_null(strstr(said, "xl will not know that the guest has it: Input/output error"));
    assert_int_equal(opened, 0);
}

static void test_no_such_file(void **state)
{
    devices = 1;
    pci_control_follow(&control, 7);
    assert_non_null(strstr(said, "PCI device 0000:00:10.0: " PCI_CONTROL_FILE " does not take it"));
    assert_int_equal(opened, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_named, forget, forget),
        cmocka_unit_test_setup_teardown(test_comes_and_goes, forget, forget),
        cmocka_unit_test_setup_teardown(test_no_such_file, forget, forget),
    };

    return cmocka_run_group_tests_name("dm-pci-control", tests, NULL, NULL);
}

// sources: launcher/xl-stubdom/domains.c launcher/xl-stubdom/fault.c
// wrap: xs_open xs_close xs_read libxl_ctx_alloc libxl_ctx_free libxl_domain_qualifier_to_domid libxl_domain_info
// libs: xenlight xenstore xentoollog
/*
 * Finding a guest and its stub domain, with right, missing and wrong nodes in xenstore.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <libxl.h>
#include <libxl_utils.h>
#include <xenstore.h>

#include "domains.h"

static char handle;
static int opens, store_error; /* of xs_open() */
static const char *model;      /* the node; NULL: ERROR */
static int error;
static bool exists;
/* libxl's answers: for a domain, for a name, and for a new context. */
static int info_error = ERROR_DOMAIN_NOTFOUND, no_name, no_context;

struct xs_handle *__wrap_xs_open(unsigned long flags)
{
    errno = store_error;
    opens += !store_error;
    return store_error ? NULL : (struct xs_handle *)&handle;
}

void __wrap_xs_close(struct xs_handle *xs) { opens--; }

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    assert_string_equal(path, "/local/domain/4/image/device-model-domid");
    errno = error;
    *len = model ? strlen(model) : 0;
    return model ? strdup(model) : NULL;
}

int __wrap_libxl_ctx_alloc(libxl_ctx **ctx, int version, unsigned flags, xentoollog_logger *logger)
{
    return no_context;
}

int __wrap_libxl_ctx_free(libxl_ctx *ctx) { return 0; }
int __wrap_libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid) { return exists ? 0 : info_error; }

int __wrap_libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *name, uint32_t *domid)
{
    *domid = 4;
    return no_name;
}

static void test_domains_find(void **state)
{
    static const struct {
        bool exists;
        const char *model;
        int error, store_error, rc;
    } rows[] = {
        {true, "5", 0, 0, 0},
        {false, "5", 0, 0, -ENOENT},
        {true, NULL, ENOENT, 0, -ENODEV},
        {true, "0", 0, 0, -ENODEV},
        /* In all these cases libxl_get_stubdom_id() returns 0. */
        {true, NULL, EIO, 0, -EIO},
        {true, NULL, ENOMEM, 0, -EIO},
        {true, "", 0, 0, -EIO},
        {true, "x", 0, 0, -EIO},
        {true, "32752", 0, 0, -EIO},
        {true, "5", 0, ECONNREFUSED, -EIO},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = {""};
        uint32_t guest, stub = 7;

        exists = rows[i].exists;
        model = rows[i].model;
        error = rows[i].error;
        store_error = rows[i].store_error;
        if (domains_find("g", &guest, &stub, &fault) != rows[i].rc)
            fail_msg("%zu: %s", i, fault.text);
        assert_int_equal(opens, 0);
        if (!rows[i].rc)
            assert_true(guest == 4 && stub == 5);
    }
}

/* Only a definite answer counts. Without one, libxl reports later what is wrong. */
static void test_domains_lacks(void **state)
{
    static const struct { bool exists, lacks; int info_error, no_name, no_context; } rows[] = {
        {true, false, 0, 0, 0}, {true, true, 0, ERROR_INVAL, 0}, {false, true, ERROR_DOMAIN_NOTFOUND, 0, 0},
        {true, false, 0, ERROR_NOMEM, 0}, {false, false, ERROR_FAIL, 0, 0}, {true, false, 0, ERROR_INVAL, ERROR_FAIL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        exists = rows[i].exists;
        info_error = rows[i].info_error;
        no_name = rows[i].no_name;
        no_context = rows[i].no_context;
        if (domains_lacks("storage") != rows[i].lacks)
            fail_msg("%zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domains_find),
        cmocka_unit_test(test_domains_lacks),
    };

    return cmocka_run_group_tests_name("xl-domains", tests, NULL, NULL);
}

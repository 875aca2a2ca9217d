#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct clinic clinic;

int open_clinic(void **state) {
    (void)state;
    struct failure failure;
    if (clinic_open(&clinic, NULL, &failure)) return 0;
    print_error("%s\n", failure.message);
    return -1;
}

int close_clinic(void **state) {
    (void)state;
    clinic_close(&clinic);
    return 0;
}

/* received_compiled.h: the forms of Received lines, ready to be matched. Private to lib/spam/view. */
#pragma once
#include "lib/spam/view/received_forms.h"

/* All forms, compiled once. */
struct compiled {
    struct line_form *form, *sign;
    guint traits;
    enum received_action action;
};

struct forms {
    struct line_form *local, *no_ip, *id, *helo_equals, *helo_word, *by, *envfrom;
    struct line_form *exim_rdns, *exim_helo, *exim_ip, *exim_by, *xmail_id, *xmail_from, *ip_first, *qmail;
    struct compiled *before, *after, *general, *ignored, *upper, *bracket, *qmails;
    struct line_form **before_sign, **after_unless, **after_sign;
    struct {
        struct line_form *sign[2];
        struct compiled *forms;
    } * families;
    struct {
        struct line_form *sign, *form;
    } * auths;
};

/* Compiled on first use, for the life of the process. Thread-safe. */
const struct forms *received_compiled(void);

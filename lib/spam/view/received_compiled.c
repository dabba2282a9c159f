/* received_compiled.c: the table of received_forms.c, compiled once. */
#include "lib/spam/view/received_compiled.h"
#include <string.h>

static struct line_form *
sensitive(const char *form)
{
    return form != NULL ? line_form_new(form, FALSE) : NULL;
}

static struct compiled *
compile(const struct received_form *list, guint n)
{
    struct compiled *all = g_new0(struct compiled, n);

    for (guint i = 0; i < n; i++)
        all[i] = (struct compiled){sensitive(list[i].form), sensitive(list[i].sign), list[i].traits, list[i].action};
    return all;
}

static struct compiled *
compile_guarded(const struct received_guarded *list, guint n, struct line_form ***signs_r,
                struct line_form ***unless_r)
{
    struct compiled *all = g_new0(struct compiled, n);

    *signs_r = g_new0(struct line_form *, n);
    if (unless_r != NULL)
        *unless_r = g_new0(struct line_form *, n);
    for (guint i = 0; i < n; i++) {
        all[i] = (struct compiled){sensitive(list[i].form.form), NULL, list[i].form.traits, list[i].form.action};
        (*signs_r)[i] = sensitive(list[i].sign);
        if (unless_r != NULL)
            (*unless_r)[i] = sensitive(list[i].unless);
    }
    return all;
}

static void
compile_singles(struct forms *f)
{
    f->local = sensitive("{few}{b}with local for{b}");
    f->no_ip = line_form_new("from {x} by {;:1-}{[} {]};", TRUE);
    f->id = sensitive("{few} id {[}<{]}{id<}{i:3-}{>id}");
    f->helo_equals = sensitive("{few}{b}helo={helo<}{h:1-}{>helo}");
    f->helo_word = sensitive("{few}{b}{HELO|EHLO} {helo<}{h:1-}{>helo}");
    f->by = sensitive("{few} by {by}");
    f->envfrom =
        line_form_new("{few}{return-path: |return-path |envelope-sender |envelope-sender=|envelope-from |"
                      "envelope-from=}{env}{b}",
                      TRUE);
    f->exim_rdns = sensitive("{rdns} ");
    f->exim_helo = sensitive("{few} ({helo}) ");
    f->exim_ip = sensitive("{few} [{ip}{[}.{d:1-}{]}] ");
    f->exim_by = sensitive("{few}by {by} ");
    f->xmail_id = sensitive("{few} id <{id}>");
    f->xmail_from = sensitive("{few} from <{env}>");
    f->ip_first = sensitive("{ip} ");
    f->qmail = sensitive(received_qmail_sign);
}

static void
compile_families(struct forms *f)
{
    f->families = g_malloc0_n(received_families_len, sizeof *f->families);
    for (guint i = 0; i < received_families_len; i++) {
        f->families[i].sign[0] = sensitive(received_families[i].sign[0]);
        f->families[i].sign[1] = sensitive(received_families[i].sign[1]);
        f->families[i].forms = compile(received_families[i].forms, received_families[i].n_forms);
    }
}

static struct forms *
compile_all(void)
{
    struct forms *f = g_new0(struct forms, 1);

    compile_singles(f);
    compile_families(f);
    f->before =
        compile_guarded(received_before_families, received_before_families_len, &f->before_sign, NULL);
    f->after = compile_guarded(received_after_families, received_after_families_len, &f->after_sign,
                               &f->after_unless);
    f->general = compile(received_forms, received_forms_len);
    f->ignored = compile(received_ignored, received_ignored_len);
    f->upper = compile(received_forms_upper, received_forms_upper_len);
    f->bracket = compile(received_forms_bracket, received_forms_bracket_len);
    f->qmails = compile(received_qmail, received_qmail_len);
    f->auths = g_malloc0_n(received_auths_len, sizeof *f->auths);
    for (guint i = 0; i < received_auths_len; i++) {
        f->auths[i].sign = sensitive(received_auths[i].sign);
        f->auths[i].form = line_form_new(received_auths[i].form, received_auths[i].ignore_case);
    }
    return f;
}

const struct forms *
received_compiled(void)
{
    static struct forms *all;

    if (g_once_init_enter(&all))
        g_once_init_leave(&all, compile_all());
    return all;
}

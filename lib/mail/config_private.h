/* config_private.h: tables of postern.conf that have files of their own; config.c puts them together. */
#pragma once
#include "lib/mail/config.h"

/* One row of a table: section struct s, field f. */
#define ROW(s, f, t, d, ...) {.name = #f, .type = t, .offset = G_STRUCT_OFFSET(struct s, f), .dflt = d, __VA_ARGS__}

/* config_auth.c: the DNS, the milter's modules auth and sign. config_dmarc.c: reports. config_spam.c: the module spam. config_policyd.c:
 * the policy daemon and its checks. config_signin.c: Dovecot's questions to it. */
extern const struct setting dns_settings[], auth_settings[], sign_settings[], dmarc_settings[], spam_settings[];
extern const struct setting policyd_settings[], access_settings[], greylist_settings[], rate_settings[], sender_login_settings[],
    account_settings[], client_settings[], signin_settings[], quota_check_settings[];
extern const struct setting doveadm_settings[]; /* config_abuse.c */
void doveadm_check(const void *section, struct settings_report *report);
extern const struct setting quota_settings[]; /* config_quota.c: quotas of mailboxes, for the policy daemon */
void dns_check(const void *section, struct settings_report *report);
void auth_check(const void *section, struct settings_report *report);
void sign_check(const void *section, struct settings_report *report);
void dmarc_check(const void *section, struct settings_report *report);
void spam_check(const void *section, struct settings_report *report);
void policyd_check(const void *section, struct settings_report *report);
void access_check(const void *section, struct settings_report *report);
void greylist_check(const void *section, struct settings_report *report);
void rate_check(const void *section, struct settings_report *report);
void sender_login_check(const void *section, struct settings_report *report);
void account_check(const void *section, struct settings_report *report);
void client_check(const void *section, struct settings_report *report);
/* config_abuse.c */
extern const struct setting abuse_settings[];
void abuse_check(const void *section, struct settings_report *report);
void abuse_check_across(const struct config *config, struct settings_report *report);
void signin_check(const void *section, struct settings_report *report);
void quota_check(const void *section, struct settings_report *report);
void quota_check_check(const void *section, struct settings_report *report);
/* What the sections of checks and policyd.checks say of each other. */
void policyd_check_across(const struct config *config, struct settings_report *report);
/* config_rate.c: of all checks of the kind rate that warn users. */
void rate_check_warnings(const struct config *config, struct settings_report *report);
/* Complains of the first item that is no network. */
void config_check_networks(struct settings_report *report, const char *section, const char *name, char **list);

#!/usr/bin/perl
# What SpamAssassin's eval functions of header rules say of each file named on stdin: a line of JSON with the header values that they may
# ask for and their results. First a line with the functions and arguments. Octets are in base64.
use strict;
use warnings;
BEGIN { *CORE::GLOBAL::time = sub { return 1500000000 }; delete @ENV{qw(LANG LC_ALL LANGUAGE LC_MESSAGES)}; }
use File::Temp qw(tempdir);
use JSON::PP;
use MIME::Base64;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;
use Mail::SpamAssassin::Plugin::HeaderEval;
use Mail::SpamAssassin::Plugin::RelayEval;
use Mail::SpamAssassin::Plugin::WLBLEval;

my @evals = (
  ['check_all_trusted'], ['check_no_relays'], ['check_relays_unparseable'], ['check_for_numeric_helo'], ['helo_ip_mismatch'],
  ['check_for_sender_no_reverse'], ['check_for_no_rdns_dotcom_helo'], ['check_for_forged_received_trail'],
  ['check_for_forged_received_ip_helo'], ['check_for_illegal_ip'],
  ['check_for_from_domain_in_received_headers', 'yahoo.com', 'true'], ['check_for_from_domain_in_received_headers', 'yahoo.com', 'false'],
  ['check_for_from_domain_in_received_headers', 'sourceforge.net', 'true'],
  ['check_for_from_domain_in_received_headers', 'sourceforge.net', 'false'],
  ['check_for_fake_aol_relay_in_rcvd'], ['check_for_faraway_charset_in_headers'], ['check_for_unique_subject_id'],
  ['check_illegal_chars', 'From', '0.20', '2'], ['check_illegal_chars', 'ALL', '0.010', '2'],
  ['check_illegal_chars', 'Subject', '0.00', '2'], ['check_illegal_chars', 'Subject:raw', '0.1', '0'],
  ['check_for_forged_hotmail_received_headers'], ['check_for_no_hotmail_received_headers'], ['check_for_msn_groups_headers'],
  ['check_for_forged_eudoramail_received_headers'], ['check_for_forged_yahoo_received_headers'],
  ['check_for_forged_juno_received_headers'], ['check_for_forged_gmail_received_headers'],
  ['check_for_matching_env_and_hdr_from'], ['sorted_recipients'], ['similar_recipients', '0.65', 'undef'],
  ['similar_recipients', '0.2', '0.5'], ['check_for_missing_to_header'], ['check_for_forged_gw05_received_headers'],
  ['check_for_shifted_date', '3', '6'], ['check_for_shifted_date', '6', '12'], ['check_for_shifted_date', '12', '24'],
  ['check_for_shifted_date', '24', '48'], ['check_for_shifted_date', '48', '96'], ['check_for_shifted_date', '96', '2920'],
  ['check_for_shifted_date', '2920', 'undef'], ['check_for_shifted_date', '-6', '-3'], ['check_for_shifted_date', '-12', '-6'],
  ['check_for_shifted_date', '-24', '-12'], ['check_for_shifted_date', '-48', '-24'], ['check_for_shifted_date', 'undef', '-96'],
  ['check_for_shifted_date', '0', 'undef'], ['received_within_months', '0', '120'], ['received_within_months', '150', '180'],
  ['received_within_months', '6', 'undef'], ['subject_is_all_caps'], ['check_for_to_in_subject', 'address'],
  ['check_for_to_in_subject', 'user'], ['check_outlook_message_id'], ['check_messageid_not_usable'],
  ['check_header_count_range', 'Content-Type', '2', '999'], ['check_header_count_range', 'Subject', '2', '999'],
  ['check_header_count_range', 'Received', '3', '5'], ['check_unresolved_template'], ['check_ratware_name_id'],
  ['check_ratware_envelope_from'], ['gated_through_received_hdr_remover'], ['check_equal_from_domains'],
  ['check_mailfrom_matches_rcvd'],
);
my @names = qw(Received From:raw Subject:raw Mailing-List Delivered-To To Message-Id EnvelopeFrom:addr X-Originating-Ip X-OriginatorOrg
  From:addr X-Sender-Ip Resent-From Resent-To X-Received X-Originating-IP X-Mailer X-Gm-Message-State X-Google-Smtp-Source ToCc:addr
  Bcc:addr Apparently-To Resent-Date Date Subject To:addr MESSAGEID List-Unsubscribe ALL ALL:raw From Content-Type);
my $empty = tempdir(CLEANUP => 1);
mkdir "$empty/rules";
symlink('/usr/share/spamassassin/20_aux_tlds.cf', "$empty/rules/20_aux_tlds.cf");
my $sa = Mail::SpamAssassin->new({rules_filename => "$empty/rules", site_rules_filename => "$empty/none",
  userprefs_filename => "$empty/none", dont_copy_prefs => 1, local_tests_only => 1, userstate_dir => $empty, username => 'nobody',
  home_dir_for_helpers => $empty});
my $json = JSON::PP->new->ascii->canonical;
$SIG{__WARN__} = sub {};
$sa->init(0);
$sa->{conf}{ok_locales} = 'ja ru_RU';
my @plugins = map { "Mail::SpamAssassin::Plugin::$_"->new($sa) } qw(HeaderEval RelayEval WLBLEval);
my %plugin_of;
for my $eval (@evals) {
  ($plugin_of{$eval->[0]}) = grep { $_->can($eval->[0]) } @plugins;
}

sub b { return defined $_[0] ? encode_base64($_[0], '') : undef }

sub domains {
  my ($pms, $trim, $valid) = @_;
  my $boundaries = $sa->{registryboundaries};
  my @hosts = map { $_->{lc_rdns} } @{$pms->{relays_trusted}}, @{$pms->{relays_untrusted}};
  for my $name ('To:addr', 'EnvelopeFrom:addr') {
    my $address = $pms->get($name);
    push @hosts, $1, lc $1 if $address =~ /^[^@]+\@(.+)$/;
    push @hosts, lc $1 if $address =~ /\@([^@]*)\z/;
  }
  for my $host (@hosts) {
    my $domain = $boundaries->trim_domain($host);
    $domain = '' unless defined $domain;
    $trim->{b($host)} = b($domain);
    $valid->{b($domain)} = $boundaries->is_domain_valid($domain) ? 1 : 0;
  }
}

$| = 1;
print $json->encode({evals => \@evals}), "\n";
while (my $file = <STDIN>) {
  chomp $file;
  open(my $f, '<', $file) or die "$file: $!";
  read($f, my $text, 150000);
  my $msg = $sa->parse($text, 0);
  my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
  my $md = $msg->{metadata} = Mail::SpamAssassin::Message::Metadata->new($msg);
  $md->parse_received_headers($pms, $msg);
  $pms->{$_} = $md->{$_} for (qw(relays_trusted relays_trusted_str num_relays_trusted relays_untrusted relays_untrusted_str
    num_relays_untrusted relays_internal relays_internal_str relays_external relays_external_str num_relays_unparseable
    last_trusted_relay_index last_internal_relay_index));
  my %headers = map { my $n = $_; ($n => [map { b($_) } $pms->get($n)]) } @names;
  my (%trim, %valid);
  domains($pms, \%trim, \%valid);
  my @results;
  for my $eval (@evals) {
    my ($name, @args) = @$eval;
    my $result = $plugin_of{$name}->$name($pms, @args);
    push @results, $result ? 1 : 0;
  }
  print $json->encode({file => $file, headers => \%headers, trim => \%trim, valid => \%valid, results => \@results}), "\n";
  $msg->finish();
}

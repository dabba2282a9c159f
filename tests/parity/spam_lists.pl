#!/usr/bin/perl
# What rules hit in SpamAssassin, under a configuration of its own: arguments are the folder of default rules and that of site files. One
# JSON line {"file", "hits": {rule: value}} for each file named on stdin.
use strict;
use warnings;
use JSON::PP;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

$| = 1;
delete @ENV{qw(LC_ALL LANGUAGE LC_MESSAGES LANG)};
my ($rules, $site) = map { /(.*)/s ? $1 : '' } @ARGV;
my $sa = Mail::SpamAssassin->new({ rules_filename => $rules, site_rules_filename => $site, dont_copy_prefs => 1, local_tests_only => 1,
  userprefs_filename => '/dev/null', userstate_dir => $site, home_dir_for_helpers => $site, username => 'nobody',
  post_config_text => "use_bayes 0\nuse_auto_welcomelist 0\n" });
$SIG{__WARN__} = sub { print STDERR @_ if $ENV{SHOW_WARNINGS} };
$sa->init(0);
my $json = JSON::PP->new->canonical->ascii;
while (my $file = <STDIN>) {
  chomp $file;
  open my $in, '<:raw', $file or die "$file: $!";
  my $bytes = do { local $/; <$in> };
  my $mail = $sa->parse($bytes, 1);
  my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $mail);
  $status->check();
  my $hits = $status->{tests_already_hit};
  print $json->encode({ file => $file, hits => { map { $_ => $hits->{$_} + 0 } grep { $hits->{$_} } keys %$hits } }), "\n";
  $status->finish();
  $mail->finish();
}

#!/usr/bin/perl
# SpamAssassin's reading of the Received lines of each file named on stdin: a line of JSON with what it got and what it made of it under
# several settings. First a line with the settings. Octets are in base64.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use JSON::PP;
use MIME::Base64;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

my @settings = (
  {},
  {trusted => ['10.0.0.0/8', '192.168.', '!64.12/16', '64.0.0.0/2', '2001:db8::/32', '[2600::]/12', '128.0.0.0/255.128.0.0']},
  {internal => ['!216.0.0.0/8', '192.0.0.0/3', '66.', '::ffff:0:0/97']},
  {trusted => ['0.0.0.0/1', '!::/0'], internal => ['64.0.0.0/4', '10.'], msa => ['66.0.0.0/7', '127.0.0.1', '80.0.0.0/5']},
  {trusted => ['209.0.0.0/8'], originating => 1},
  {sender_header => 'X-Sender'},
);
my @names = ('X-Sender:first:addr', 'X-Envelope-From:first:addr', 'Envelope-Sender:first:addr', 'Return-Path:first:addr',
             'Received', 'ALL');
my @origin = qw(X-Yahoo-Post-IP X-Originating-IP X-Apparently-From X-SenderIP X-AOL-IP
                X-MS-Exchange-CrossTenant-OriginalAttributedTenantConnectingIp);
my $empty = tempdir(CLEANUP => 1);
my $sa = Mail::SpamAssassin->new({rules_filename => $empty, site_rules_filename => $empty, userprefs_filename => "$empty/none",
  dont_copy_prefs => 1, local_tests_only => 1, userstate_dir => $empty, username => 'nobody', home_dir_for_helpers => $empty});
my $json = JSON::PP->new->ascii->canonical;
$sa->init(0);
$SIG{__WARN__} = sub {};

sub b { return defined $_[0] ? encode_base64($_[0], '') : undef }

sub configure {
  my ($conf, $s) = @_;
  for my $kind (qw(trusted internal msa)) {
    my $set = $conf->new_netset("${kind}_networks", $kind eq 'msa' ? 0 : 1);
    $set->add_cidr(@{$s->{$kind}}) if $s->{$kind};
    $conf->{"${kind}_networks"} = $set;
    $conf->{"${kind}_networks_configured"} = $s->{$kind} ? 1 : 0;
  }
  $conf->{originating_ip_headers} = [@origin];
  $conf->{envelope_sender_header} = $s->{sender_header};
}

sub one {
  my ($msg, $s) = @_;
  configure($sa->{conf}, $s);
  my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
  $msg->{suppl_attrib}{originating} = 1 if $s->{originating};
  delete $msg->{suppl_attrib}{originating} unless $s->{originating};
  my $md = $msg->{metadata} = Mail::SpamAssassin::Message::Metadata->new($msg);
  $md->parse_received_headers($pms, $msg);
  for (qw(relays_trusted relays_trusted_str num_relays_trusted relays_untrusted relays_untrusted_str num_relays_untrusted
          relays_internal relays_internal_str relays_external relays_external_str num_relays_unparseable last_trusted_relay_index
          last_internal_relay_index)) {
    $pms->{$_} = $md->{$_};
  }
  my @flags = map { ($_->{no_reverse_dns} ? 'n' : '') . ($_->{ip_private} ? 'p' : '') } @{$md->{relays_trusted}}, @{$md->{relays_untrusted}};
  my %r = (unparseable => $md->{num_relays_unparseable}, trusted_index => $md->{last_trusted_relay_index},
           internal_index => $md->{last_internal_relay_index}, flags => join(',', @flags));
  $r{$_} = b($md->{"relays_${_}_str"}) for qw(trusted untrusted internal external);
  $r{envelope_from} = b(scalar $pms->get_envelope_from());
  for my $range (qw(ALL-TRUSTED ALL-INTERNAL ALL-UNTRUSTED ALL-EXTERNAL)) {
    $r{$range} = b(join('', grep { defined } $pms->get($range)));
  }
  return \%r;
}

$| = 1;
print $json->encode({settings => \@settings}), "\n";
while (my $file = <STDIN>) {
  chomp $file;
  open(my $f, '<', $file) or die "$file: $!";
  read($f, my $text, 150000);
  my $msg = $sa->parse($text, 0);
  my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
  my %headers = map { my $n = $_; ($n => [map { b($_) } $pms->get($n)]) } @names;
  my @lines = split(/^/m, $msg->get_all_headers(0));
  my $all = join('', @lines);
  my %case = (file => $file, received => [map { b($_) } $msg->get_header('Received')],
    originating => [map { b($_) } grep { defined } map { scalar $msg->get_header($_) } @origin], headers => \%headers,
    lines => [map { b($_) } @lines]);
  $case{results} = [map { one($msg, $_) } @settings];
  print $json->encode(\%case), "\n";
  $msg->finish();
}

#!/usr/bin/perl
# What SpamAssassin asks the DNS for a message, and which network rules hit then: one JSON line for each path on stdin, {"path", "asked":
# ["A/name", ..], "hits": {rule: times}, "uris": hosts that URIs have}. Arguments: a folder with rule files; the port of a DNS server on
# 127.0.0.1; "find", when SpamAssassin is to verify on its own. Else DKIM's results are those of a header field X-Test-DKIM ("d=.. r=pass", one a signature), as a caller of SpamAssassin may give
# them, and SPF's of X-Test-SPF ("pass"), X-Test-SPF-Helo.
use strict;
use warnings;
use JSON::PP;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

package TestSignature {
  sub new { my ($class, %own) = @_; bless {%own}, $class }
  sub result { $_[0]{r} eq 'timed' ? 'invalid' : $_[0]{r} }
  sub result_detail { $_[0]{r} eq 'timed' ? 'invalid (public key: DNS query timed out)' : $_[0]{r} } sub domain { $_[0]{d} } sub selector { $_[0]{s} // 'sel' }
  sub identity { $_[0]{i} } sub check_expiration { !$_[0]{expired} } sub algorithm { 'rsa-sha256' } sub canonicalization { 'relaxed' }
  sub get_public_key { my $bits = $_[0]{bits} // 2048; TestKey->new($bits) }
}
package TestKey { sub new { bless [$_[1]], $_[0] } sub cork { $_[0] } sub size { $_[0][0] / 8 } }
package main;

$| = 1;
delete @ENV{qw(LC_ALL LANGUAGE LC_MESSAGES LANG)};
my ($folder, $port, $find) = @ARGV;
my $sa = Mail::SpamAssassin->new({ rules_filename => "$folder/rules", site_rules_filename => "$folder/site", dont_copy_prefs => 1,
  local_tests_only => 0, userprefs_filename => '/dev/null', debug => 0,
  post_config_text => "use_bayes 0\ndns_available yes\nclear_dns_servers\ndns_server 127.0.0.1:$port\n" });
$sa->init(0);
# Mail::DKIM asks for ADSP by a resolver of its own.
if (eval { require Mail::DKIM::DNS; 1 }) {
  Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $port, recurse => 1));
}
# It looks at signatures of a caller only after it has loaded what would verify others.
# So does Mail::DMARC.
if ($find && eval { require Mail::DMARC::PurePerl; 1 }) {
  no warnings 'once', 'redefine';
  my $resolver = Net::DNS::Resolver->new(nameservers => ['127.0.0.1'], port => $port, recurse => 1, dnsrch => 0);
  *Mail::DMARC::Base::get_resolver = sub { $resolver };
}
foreach my $plugin (@{$sa->{plugins}{plugins}}) {
  $plugin->_dkim_load_modules if ref($plugin) =~ /::DKIM$/;
  $plugin->{no_spf_module} = 1 if ref($plugin) =~ /::SPF$/ && !$find;
}
my %asked;
{
  no warnings 'redefine';
  my $bgsend = \&Mail::SpamAssassin::DnsResolver::bgsend;
  *Mail::SpamAssassin::DnsResolver::bgsend = sub {
    my ($self, $domain, $type) = @_;
    my $name = lc $domain;
    # Its own packet for the question says what is really asked.
    my $packet = $self->new_dns_packet($domain, $type);
    if ($packet) { my ($q) = $packet->question; $type = $q->qtype; $name = lc $q->qname }
    $asked{"$type/$name"} = 1 if $packet;
    $bgsend->(@_);
  };
}
my $json = JSON::PP->new->ascii->canonical;

sub given {
  my ($bytes) = @_;
  my %given;
  my ($head) = $bytes =~ /\A(.*?)\r?\n\r?\n/s;
  $head //= $bytes;
  my @signatures;
  foreach my $line ($head =~ /^X-Test-DKIM: ([^\r\n]*)/mg) {
    push @signatures, TestSignature->new(map { split /=/, $_, 2 } split ' ', $line);
  }
  $given{dkim_signatures} = \@signatures if $head =~ /^X-Test-DKIM:/m;
  foreach my $line ($head =~ /^X-Test-ARC: ([^\r\n]*)/mg) {
    push @{$given{arc_signatures}}, TestSignature->new(map { split /=/, $_, 2 } split ' ', $line);
  }
  $given{arc_signatures} ||= [] if $given{dkim_signatures};
  return (\%given, $head);
}

while (my $path = <STDIN>) {
  chomp $path;
  open my $f, '<:raw', $path or die "$path: $!";
  my $text = do { local $/; <$f> };
  my ($attributes, $head) = given($text);
  my $msg = $sa->parse($text, 1, $attributes);
  my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
  foreach my $identity ('', 'helo_') {
    my $field = $identity ? 'X-Test-SPF-Helo' : 'X-Test-SPF';
    next if $head !~ /^$field: (\w+)/m;
    $pms->{"spf_${identity}checked"} = 1;
    $pms->{"spf_${identity}$1"} = 1;
    $pms->{checked_for_received_spf_header} = 1;
  }
  %asked = ();
  eval { $pms->check(); 1 } or warn $@;
  my $hits = $pms->{tests_already_hit};
  my %hosts;
  my $uris = $pms->get_uri_detail_list();
  foreach my $uri (keys %$uris) { $hosts{$_} = 1 for keys %{$uris->{$uri}{hosts} || {}} }
  print $json->encode({ path => $path, asked => [sort keys %asked], hits => { map { $_ => $hits->{$_} + 0 } grep { $hits->{$_} && !exists $sa->{conf}{meta_tests}{$_} } keys %$hits },
    hosts => scalar keys %hosts, authors => [map { "$_" } $pms->all_from_addrs()] }), "\n";
  $pms->finish(); $msg->finish();
}

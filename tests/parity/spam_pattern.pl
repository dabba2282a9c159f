#!/usr/bin/perl
# spam_pattern.pl: how Perl matches the patterns of SpamAssassin's rules, as JSON lines. No rule is run: only the compiled patterns are used.
#   spam_pattern.pl rules                   one line a rule: {"name", "type", "pattern" (base64)}
#   spam_pattern.pl find PATTERNS SUBJECTS  PATTERNS: such lines; SUBJECTS: base64 texts, one a line; a line a pattern with what it finds:
#                                           {"name", "found": [subject, count, begin, end, ..]} for subjects with a match; count up to 1000;
#                                           or {"name", "error"}
use strict; use warnings; use JSON::PP; use MIME::Base64;
my ($what, $patterns, $texts) = @ARGV;
my $json = JSON::PP->new->canonical->ascii;
if ($what eq 'rules') {
  require Mail::SpamAssassin;
  my $sa = Mail::SpamAssassin->new({local_tests_only => 0, dont_copy_prefs => 1, userprefs_filename => '/dev/null',
    post_config_text => "use_bayes 0\n"});
  $sa->init(0);
  my ($conf, %type) = ($sa->{conf});
  for my $kind (qw(head body uri rawbody full)) {
    for my $priority (values %{$conf->{"${kind}_tests"}}) { $type{$_} = $kind for keys %$priority }
  }
  for my $name (sort grep { $type{$_} } keys %{$conf->{test_qrs}}) {
    "$conf->{test_qrs}{$name}" =~ /\A\(\?\^[a-z]*:(.*)\)\z/s or die $name;
    print $json->encode({name => $name, type => $type{$name}, pattern => encode_base64($1, '')}), "\n";
  }
  exit;
}
sub lines { open my $h, '<', $_[0] or die "$_[0]: $!"; my @all = <$h>; chomp @all; @all }
my @subjects = map { decode_base64($_) } lines($texts);
for my $rule (map { $json->decode($_) } lines($patterns)) {
  my $text = decode_base64($rule->{pattern});
  my $q = eval { local $SIG{__WARN__} = sub { die $_[0] if $_[0] !~ /deprecated/i }; qr/$text/aa }; # as SpamAssassin takes warnings
  if (!defined $q) { print $json->encode({name => $rule->{name}, error => 'does not compile'}), "\n"; next }
  my @found;
  eval { find($_, $q, \@found) for 0 .. $#subjects; 1 } or @found = (-1); # Perl itself panics over some
  if (@found && $found[0] < 0) { print $json->encode({name => $rule->{name}, error => 'does not match'}), "\n"; next }
  print $json->encode({name => $rule->{name}, found => \@found}), "\n";
}
sub find {
  my ($i, $q, $found) = @_;
  my ($n, $begin, $end) = 0;
  pos $subjects[$i] = 0;
  while ($subjects[$i] =~ /$q/g) { ($begin, $end) = ($-[0], $+[0]) if !$n++; last if $n >= 1000 }
  push @$found, $i, $n, $begin, $end if $n;
}

#!/usr/bin/perl
# spam_verdict.pl: messages as SpamAssassin rewrites them, and the reports, under each of the configurations (folders of rule files) that
# the arguments name. Files of messages on stdin; one JSON line for each and each folder, bytes as base64:
#   {"file", "rules", "random", "score", "hits": [{name, score, area, description, logs}], "sub_hits": [..], "autolearn", "autolearn_force",
#    "bayes", "tags": {..}, "headers": {..}, "body": [..], "rewritten", "report"}
# Besides what the rules really hit, hits are made up (the same for the same file). Clock, host name and time zone stand still.
use strict; use warnings;
use JSON::PP; use MIME::Base64; use Digest::SHA qw(sha1); use Time::HiRes ();
my $now; BEGIN { $ENV{TZ} = 'UTC'; $now = 1795896374; no warnings 'redefine'; *CORE::GLOBAL::time = sub { $now }; *Time::HiRes::time = sub () { $now }; }
use Mail::SpamAssassin; use Mail::SpamAssassin::PerMsgStatus; use Mail::SpamAssassin::Util;
{ no warnings 'redefine'; *Mail::SpamAssassin::Util::fq_hostname = sub { 'mx.example.test' }; }
my @TAGS = qw(LASTEXTERNALIP LASTEXTERNALREVIP LASTEXTERNALRDNS LASTEXTERNALHELO FIRSTTRUSTEDIP FIRSTTRUSTEDREVIP RELAYSTRUSTED RELAYSUNTRUSTED
  RELAYSINTERNAL RELAYSEXTERNAL REMOTEHOSTNAME REMOTEHOSTADDR AUTHORDOMAIN AUTOLEARNSCORE RULESVERSION LANGUAGES DKIMDOMAIN MADEUP CAPTURED NOSUCH);
my @HEADERS = ('From', 'From:addr', 'Subject', 'Subject:raw', 'To:name', 'X-Nothing', 'Received', 'ALL');
my @WORDS = ('x', 'a word', '[URIs: example.com]', 'b' x 47, 'b' x 48, 'c' x 60, "d\xc3\xa9j\xc3\xa0 vu", 'one two three four five six seven eight nine ten eleven twelve', 
  ('ab ' x 40), "tab\tand\nline", '', '0', '  two  blanks  ', 'z' x 29 . ' ' . 'y' x 30, 'z' x 48 . ' ' . 'q' x 48);
my $json = JSON::PP->new->canonical->ascii;
my %sa = map { $_ => start($_) } @ARGV;
sub start {
  my $rules = shift;
  my $sa = Mail::SpamAssassin->new({rules_filename => $rules, site_rules_filename => "$rules/none", userprefs_filename => '/dev/null',
    dont_copy_prefs => 1, local_tests_only => 1});
  $sa->init(0);
  return $sa;
}
sub text { my $t = shift; return undef unless defined $t; utf8::encode($t) if utf8::is_utf8($t); encode_base64($t, '') }
my $seed;
sub pick { my $n = shift; $seed = ($seed * 1103515245 + 12345) % 2147483648; return int($seed / 65536) % $n }
$| = 1;
while (my $file = <STDIN>) {
  chomp $file;
  open my $h, '<:raw', $file or die "$file: $!"; my $bytes = do { local $/; <$h> };
  message($file, $bytes, $_) for @ARGV;
}
sub made_up_hits {
  my ($status, $conf) = @_;
  my @names = sort grep { $conf->{scores}{$_} } keys %{$conf->{scores}};
  for (1 .. pick(6)) {
    my $name = $names[pick(scalar @names)];
    next if $status->{tests_already_hit}{$name};
    $status->test_log($WORDS[pick(scalar @WORDS)], $name) for 1 .. (pick(3) ? 0 : 1 + pick(3));
    my @more = pick(4) ? () : (description => $WORDS[pick(scalar @WORDS)]);
    $status->got_hit($name, ('', 'BODY: ', 'DNS: ', 'ASKDNS: ')[pick(4)], score => (1, 0.1, -3, 12.345, -10, 9.96, 1/3, 1e-7, 250)[pick(9)], @more);
  }
}
sub message {
  my ($file, $bytes, $rules) = @_;
  my $sa = $sa{$rules}; my $conf = $sa->{conf};
  $seed = unpack('N', sha1("$rules" =~ s{.*/}{}r . substr($bytes, 0, 100000))) % 2147483648;
  my %scores = %{$conf->{scores}}; my %described = %{$conf->{descriptions}};
  my $mail = $sa->parse($bytes, 1);
  my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $mail);
  $status->check();
  my %real = map { $_ => 1 } @{$status->{test_names_hit}};
  made_up_hits($status, $conf);
  $status->{score} = (0, 4.949, 4.95, 4.96, 5, 5.04, -0.04, 20.5, 77, 0.05, 49.99)[pick(11)] if !pick(4);
  $status->{score} = sprintf("%0.3f", $status->{score}) + 0;
  $status->{is_spam} = $status->is_spam();
  $status->{auto_learn_status} = (undef, 'no', 'ham', 'spam', 'disabled')[pick(5)];
  $status->{auto_learn_force_status} = (undef, undef, 'no', 'yes (A_TEST)')[pick(4)];
  $status->{bayes_score} = 0.98765432 if !pick(2);
  $status->set_tag('MADEUP', ["one", "tw\xc3\xb6", 'three']);
  $status->set_tag('CAPTURED', "l\x{e9}\x{4e2d} " . ('x' x pick(120)));
  $status->check_cleanup();
  my @hits = map { my $log = $status->{test_logs}{$_}; { name => $_, score => $conf->{scores}{$_} + 0, area => $real{$_} ? undef : text($log->{area}),
    description => defined $conf->{descriptions}{$_} && ($conf->{descriptions}{$_} ne ($described{$_} // 'none')) ? text($conf->{descriptions}{$_}) : undef,
    logs => defined $log->{msg} ? [map { text($_) } @{$log->{msg}}] : undef } } @{$status->{test_names_hit}};
  my (%tags, %headers);
  for (@TAGS) { my $v = $status->get_tag_raw($_); $v = join(' ', @$v) if ref $v eq 'ARRAY'; $tags{$_} = text($v); }
  $headers{$_} = text(scalar $status->get($_, undef)) for @HEADERS;
  my $body = [map { text($_) } @{$status->get_decoded_stripped_body_text_array}];
  my $rewritten = $status->rewrite_mail; 
  my ($random) = $rewritten =~ /boundary="----------=_[0-9A-F]{8}\.([0-9A-F]{8})"/;
  print $json->encode({file => $file, rules => $rules, random => hex($random // 0), now => $now, score => $status->{score}, hits => \@hits,
    sub_hits => [@{$status->{subtest_names_hit}}], autolearn => $status->{auto_learn_status}, autolearn_force => $status->{auto_learn_force_status},
    bayes => $status->{bayes_score}, tags => \%tags, headers => \%headers, body => $body, rewritten => text($rewritten),
    report => text($status->get_report)}), "\n";
  $status->finish; $mail->finish;
  $conf->{scores} = {%scores}; $conf->{descriptions} = {%described};
  for my $set (0 .. 3) { $conf->{scoreset}[$set] = {%scores} }
}

#!/usr/bin/perl
# spam_engine.pl: what SpamAssassin's rules see in messages, and which of them hit, network and Bayes off. One JSON line for each file
# named on stdin; all texts base64:
#   {"file", "body": [..], "rawbody": [..], "uris": [..], "full", "headers": {name: text or null}, "evals": {rule: value},
#    "hits": {rule: value}, "score"}
# headers: the values that header rules see; evals: hits of eval functions, which the engine is not asked about. Each message gets a process
# of its own: a pattern with captured values in it (%{NAME}) stays in SpamAssassin what it was for the first message (its /o).
use strict; use warnings; use JSON::PP; use MIME::Base64; use Mail::SpamAssassin; use POSIX ();
$| = 1;
my $sa = Mail::SpamAssassin->new({local_tests_only => 1, dont_copy_prefs => 1, userprefs_filename => '/dev/null',
  post_config_text => "use_bayes 0\nuse_auto_welcomelist 0\n"});
$sa->compile_now(0, 1);
my $conf = $sa->{conf};
my %headers = map { $_ => 1 } values %{$conf->{test_opt_header}};
my %evals = map { $_ => 1 } map { keys %$_ } map { values %{$conf->{$_}} } qw(head_evals body_evals rawbody_evals full_evals);
my $json = JSON::PP->new->canonical->ascii;
sub text { my $t = shift; utf8::encode($t) if utf8::is_utf8($t); encode_base64($t, '') }
while (my $file = <STDIN>) {
  chomp $file;
  my $pid = fork() // die "fork: $!";
  if ($pid == 0) { message($file); POSIX::_exit(0) }
  waitpid($pid, 0);
  die "$file: status $?" if $?;
}
sub message {
  my $file = shift;
  open my $h, '<:raw', $file or die "$file: $!"; my $bytes = do { local $/; <$h> };
  my $mail = $sa->parse($bytes, 1);
  my $status = Mail::SpamAssassin::PerMsgStatus->new($sa, $mail);
  $status->check();
  my %values;
  for my $name (keys %headers) {
    my @all = $status->get($name);
    $values{$name} = @all ? text(join($all[0] =~ /\n\z/ ? '' : "\n", @all)) : undef;
  }
  my $hits = $status->{tests_already_hit};
  print $json->encode({file => $file, body => [map { text($_) } @{$status->get_decoded_stripped_body_text_array}],
    rawbody => [map { text($_) } @{$status->get_decoded_body_text_array}], uris => [map { text($_) } $status->get_uri_list],
    full => text($mail->get_pristine), headers => \%values, score => $status->{score},
    evals => {map { $_ => $hits->{$_} + 0 } grep { $evals{$_} && $hits->{$_} } keys %$hits},
    hits => {map { $_ => $hits->{$_} + 0 } grep { $hits->{$_} } keys %$hits}}), "\n";
  $status->finish; $mail->finish;
}

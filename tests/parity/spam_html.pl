#!/usr/bin/perl
# What SpamAssassin makes of HTML. Lines on stdin: a path (each text/html leaf of that message, as the message's own code renders
# it), or JSON {"text": base64, "is_chars": 0|1, "utf8_bytes": 0|1} (that text by itself; characters are given as UTF-8).
# Lines on stdout: JSON, one for a part or text: the text that was rendered, and what came of it. Strings are [base64, is_chars].
# "evals" are the answers to SPAM_EVALS (JSON, [[function, arguments..], ..]) of Plugin/HTMLEval.pm.
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use Mail::SpamAssassin;
use Mail::SpamAssassin::HTML;
use Mail::SpamAssassin::Plugin::HTMLEval;

binmode STDOUT, ':raw';
$SIG{__WARN__} = sub { };
my $json = JSON::PP->new->canonical->ascii->allow_nonref;
my ($seen_text, $seen_utf8_bytes);
my $parse = \&Mail::SpamAssassin::HTML::parse;
{
  no warnings 'redefine';
  *Mail::SpamAssassin::HTML::parse = sub {
    $seen_text = $_[1];
    $seen_utf8_bytes = $_[0]{SA_character_semantics_input} ? 0 : 1;
    return $parse->(@_);
  };
}

sub string {
  my ($s) = @_;
  return undef unless defined $s;
  my $is_chars = utf8::is_utf8($s) ? 1 : 0;
  utf8::encode($s) if $is_chars;
  return [encode_base64($s, ''), $is_chars];
}

sub number { my ($n) = @_; return defined $n ? sprintf('%.12g', $n) : undef }
sub strings { my ($list) = @_; return [map { string($_) } @{ $list || [] }] }
sub key { my ($k) = @_; utf8::encode($k) if utf8::is_utf8($k); return encode_base64($k, '') }

sub results {
  my ($r) = @_;
  my %out;
  $out{$_} = number($r->{$_}) for qw(html image_area length min_size max_size closed_extra_ratio bad_tag_ratio non_element_ratio
    obfuscation_ratio backhair_count uri_truncated ratio html_length non_space_len font_face_bad font_low_contrast
    font_invalid_color form_action_mailto embeds);
  $out{$_} = strings($r->{$_}) for qw(title comment script anchor);
  $out{complete} = exists $r->{length} ? 1 : 0;
  $out{inside} = { map { key($_) => number($r->{inside}{$_}) } keys %{ $r->{inside} || {} } };
  $out{uris} = { map {
      my $s = string($_);
      $s->[0] => { is_chars => $s->[1], types => [sort keys %{ $r->{uri_detail}{$_}{types} || {} }],
        anchor_texts => strings($r->{uri_detail}{$_}{anchor_text}) }
    } keys %{ $r->{uri_detail} || {} } };
  return \%out;
}

my $evals = $json->decode($ENV{SPAM_EVALS} || '[]');
my $plugin = bless {}, 'Mail::SpamAssassin::Plugin::HTMLEval';
{
  package MessageStatus; # as much of one as the plugin asks for
  sub get { return 'hello world' }
}

sub answers {
  my ($r) = @_;
  my $status = bless { html_all => [$r] }, 'MessageStatus';
  my @out;
  for my $eval (@$evals) {
    my ($function, @arguments) = @$eval;
    push @out, $plugin->$function($status, undef, @arguments) ? 1 : 0;
  }
  return \@out;
}

sub report {
  my ($name, $text, $utf8_bytes, $source_length, $rendered, $visible, $invisible, $r) = @_;
  print $json->encode({ name => $name, input => string($text), utf8_bytes => $utf8_bytes, source_length => $source_length,
    rendered => string($rendered), visible => string($visible), invisible => string($invisible), results => results($r), evals => answers($r) }), "\n";
}

sub of_text {
  my ($name, $case) = @_;
  my $text = decode_base64($case->{text});
  my $length = length $text;
  utf8::decode($text) if $case->{is_chars};
  utf8::upgrade($text) if $case->{is_chars};
  my $input = $text;
  my $html = Mail::SpamAssassin::HTML->new($case->{utf8_bytes} ? 0 : 1, 1);
  eval { $html->parse($text); 1 } or return print $json->encode({ name => $name, died => "$@" }), "\n";
  my $rendered = $html->get_rendered_text();
  my $r = $html->get_results();
  my $space = utf8::is_utf8($rendered) ? () = $rendered =~ /\s/g : $rendered =~ tr/ \t\n\r\x0b//; # as Message/Node.pm counts
  $r->{html_length} = length $rendered;
  $r->{non_space_len} = $r->{html_length} - $space;
  $r->{ratio} = ($length - $r->{html_length}) / $length if $length;
  report($name, $input, $case->{utf8_bytes} ? 1 : 0, $length, $rendered, $html->get_rendered_text(invisible => 0),
    $html->get_rendered_text(invisible => 1), $r);
}

sub of_message {
  my ($sa, $path) = @_;
  open my $fh, '<:raw', $path or return;
  my $data = do { local $/; <$fh> };
  my $message = eval { $sa->parse($data, 1) } or return;
  my $n = 0;
  for my $part ($message->find_parts(qr/./, 1)) {
    undef $seen_text;
    my $ok = eval { $part->rendered(); 1 };
    next unless defined $seen_text;
    $n++;
    if (!$ok) { print $json->encode({ name => "$path#$n", died => "$@" }), "\n"; next }
    report("$path#$n", $seen_text, $seen_utf8_bytes, length($part->decode()), $part->{rendered}, $part->{visible_rendered},
      $part->{invisible_rendered}, $part->{html_results});
  }
  $message->finish();
}

my $empty = $ENV{SPAM_EMPTY} or die "SPAM_EMPTY: an empty folder";
my $sa = Mail::SpamAssassin->new({ rules_filename => $empty, site_rules_filename => $empty, userprefs_filename => '/dev/null',
  local_tests_only => 1, dont_copy_prefs => 1 });
$sa->init(1);
my $number = 0;
while (my $line = <STDIN>) {
  chomp $line;
  $number++;
  if ($line =~ /^\{/) { of_text($number, $json->decode($line)) } else { of_message($sa, $line) }
}

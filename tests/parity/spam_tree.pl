#!/usr/bin/perl
# spam_tree.pl: what SpamAssassin makes of messages: tree, header values, body and rawbody texts.
#
# Names of files on stdin, a line of JSON each on stdout; strings are bytes, told as characters of Latin-1. The first argument
# is a folder with the rule files that are needed (the lists of top level domains), the second the names that get() is asked.
use strict;
use warnings;
use Digest::SHA qw(sha1_hex);
use MIME::Base64 qw(encode_base64);
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

my ($rules, @names) = @ARGV;
my $full = $ENV{SPAM_TREE_FULL};    # whole texts instead of digests
my $sa = Mail::SpamAssassin->new({
  rules_filename => $rules, site_rules_filename => $rules, userprefs_filename => '/dev/null', dont_copy_prefs => 1,
  local_tests_only => 1,
});
$sa->init(0);
$sa->{conf}->{normalize_charset} = 1;

sub string {
  my ($s) = @_;
  return 'null' unless defined $s;
  utf8::encode($s) if utf8::is_utf8($s);
  $s =~ s/([^\x20\x21\x23-\x5b\x5d-\x7e])/sprintf '\\u%04x', ord $1/ge;
  return qq("$s");
}

sub list { return '[' . join(',', @_) . ']' }

sub object {
  my (@pairs) = @_;
  my @out;
  while (my ($key, $value) = splice @pairs, 0, 2) { push @out, string($key) . ':' . $value; }
  return '{' . join(',', @out) . '}';
}

sub brief {
  my ($s) = @_;
  return 'null' unless defined $s;
  utf8::encode($s) if utf8::is_utf8($s);
  return string($full ? $s : length($s) . ':' . substr(sha1_hex($s), 0, 10));
}

sub part_of {
  my ($part) = @_;
  my (%seen, @fields);
  for my $name (@{$part->{header_order}}) {
    my $key = lc $name;
    my $n = $seen{$key}++;
    push @fields, list(string($name), string($part->{headers}{$key}[$n]), string($part->{raw_headers}{$key}[$n]));
  }
  my $leaf = $part->is_leaf;
  my $raw = $leaf && exists $part->{raw} ? join('', @{$part->raw}) : undef;
  return object(type => string($part->{type}), effective => string($part->effective_type), leaf => $leaf ? 1 : 0,
    charset => string($leaf ? $part->{charset} : undef), name => string($part->{name}), fields => list(@fields),
    raw => brief($raw), decoded => brief($leaf ? scalar $part->decode : undef));
}

sub tree_of {
  my ($msg) = @_;
  my @parts;
  my @queue = ($msg);
  while (my $part = shift @queue) {
    push @parts, part_of($part);
    unshift @queue, @{$part->{body_parts}} if $part->{body_parts};
  }
  my %state = %{$msg->{mime_boundary_state}};
  return object(
    (map { $_ => $msg->{$_} ? 1 : 0 } qw(missing_head_body_separator missing_mime_headers
      missing_mime_head_body_separator mime_epilogue_exists mimepart_limit_exceeded truncated_header)),
    open_boundary => (grep { $_ } values %state) ? 1 : 0, mbox => string($msg->get_mbox_separator),
    head => brief($msg->get_pristine_header), body => brief($msg->get_pristine_body),
    digest => string($msg->get_pristine_body_digest), msgid => string(scalar $msg->get_msgid),
    generated => string($msg->generate_msgid), parts => list(@parts));
}

# What the HTML part renders, for the other side: its stage is another one.
sub html_of {
  my ($msg) = @_;
  my @out;
  for my $part ($msg->find_parts(qr/./, 1)) {
    next unless $part->effective_type eq 'text/html' && $part->decode ne '';
    $part->rendered;
    push @out, list(map { my $s = $part->{$_}; my $c = utf8::is_utf8($s) ? 1 : 0; utf8::encode($s) if $c;
      list($c, string(encode_base64($s, ''))) } qw(rendered visible_rendered invisible_rendered));
  }
  return list(@out);
}

while (my $file = <STDIN>) {
  chomp $file;
  open my $in, '<:raw', $file or die "$file: $!";
  my $text = do { local $/; <$in> };
  $text = '' unless defined $text;
  my $line = eval {
    my $msg = $sa->parse(\$text, 1);
    my $pms = Mail::SpamAssassin::PerMsgStatus->new($sa, $msg);
    my $tree = tree_of($msg);
    my @header = map { my @values = $pms->get($_); $_ => list(map { string($_) } @values) } @names;
    my $rest = object(file => string($file), tree => $tree, header => object(@header), html => html_of($msg),
      body => list(map { brief($_) } @{$msg->get_rendered_body_text_array}),
      visible => list(map { brief($_) } @{$msg->get_visible_rendered_body_text_array}),
      invisible => list(map { brief($_) } @{$msg->get_invisible_rendered_body_text_array}),
      rawbody => list(map { brief($_) } @{$msg->get_decoded_body_text_array}));
    $pms->finish;
    $msg->finish;
    $rest;
  };
  $line = object(file => string($file), error => string("$@")) unless defined $line;
  print "$line\n";
}

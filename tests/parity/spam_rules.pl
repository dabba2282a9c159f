#!/usr/bin/perl
# What SpamAssassin makes of configurations: for each line "DEFAULT-RULES<TAB>SITE-RULES<TAB>local|net" of standard input, a JSON
# line of its configuration after parsing. With --tables: what its core and plugins register.
#
# Some of its steps hang on the order of Perl's hashes. Those are run until nothing changes any more, which is what Postern does.
use strict;
use warnings;
no warnings qw(redefine once);
use JSON::PP;
use Mail::SpamAssassin;
use Mail::SpamAssassin::Conf;
use Mail::SpamAssassin::Plugin;

my $json = JSON::PP->new->canonical->latin1;
my %type = (
    0x08 => 'header', 0x09 => 'header_eval', 0x0a => 'body', 0x0b => 'body_eval', 0x0c => 'full', 0x0d => 'full_eval',
    0x0e => 'rawbody', 0x0f => 'rawbody_eval', 0x10 => 'uri', 0x12 => 'meta', 0x13 => 'rbl_eval', 0x14 => 'empty');

# ---- fixed points, and what is thrown away after parsing ----
my %kept;
{
    my $priorities = \&Mail::SpamAssassin::Conf::Parser::fix_priorities;
    *Mail::SpamAssassin::Conf::Parser::fix_priorities = sub {
        my $conf = $_[0]->{conf};
        for (1 .. 100) {
            my $before = join ',', map { "$_=$conf->{priority}{$_}" } sort keys %{ $conf->{priority} };
            $priorities->(@_);
            last if $before eq join ',', map { "$_=$conf->{priority}{$_}" } sort keys %{ $conf->{priority} };
        }
    };
    my $tflags = \&Mail::SpamAssassin::Conf::Parser::fix_tflags;
    *Mail::SpamAssassin::Conf::Parser::fix_tflags = sub {
        my $conf = $_[0]->{conf};
        for (1 .. 100) {
            my $before = join ',', map { "$_=$conf->{tflags}{$_}" } sort keys %{ $conf->{tflags} };
            $tflags->(@_);
            last if $before eq join ',', map { "$_=$conf->{tflags}{$_}" } sort keys %{ $conf->{tflags} };
        }
    };
    my $glob = \&Mail::SpamAssassin::Conf::Parser::expand_ruleglob;    # its cache leaves out the first asker's name for all
    *Mail::SpamAssassin::Conf::Parser::expand_ruleglob = sub { delete $_[0]->{ruleglob_cache}; $glob->(@_) };
    my $any = \&Mail::SpamAssassin::Conf::found_any_rules;
    *Mail::SpamAssassin::Conf::found_any_rules = sub {
        my $conf = $_[0];
        %kept = (tests => { %{ $conf->{tests} || {} } }, priority => { %{ $conf->{priority} || {} } }) if $conf->{tests};
        $any->(@_);
    };
}

sub pattern {
    my $text = "$_[0]";
    $text =~ s/^\(\?\^aa://;
    $text =~ s/\n?\)\z//;
    $text =~ s/^\(\?aa\)//;    # replaced tags bring it in twice
    $text = "built in" if $text =~ /^\(\?\^:\(\?:a\(\?:ble/;    # stop words
    return $text;
}

# Hits that are the same here and in the driver.
sub hits {
    my ($name, $seed) = @_;
    my $hash = 7;
    $hash = ($hash * 31 + ord) & 0xffffff for split //, $name;
    return ($hash >> (2 * $seed)) & 3;
}

sub number { my $n = $_[0]; return defined $n && $n ne '' ? sprintf('%.9g', $n) : '0' }

sub rule {
    my ($conf, $sa, $name) = @_;
    my $type = $conf->{test_types}{$name};
    my %rule = (type => $type{$type}, text => $kept{tests}{$name} // '');
    my $flags = $conf->{tflags}{$name} // '';
    my $priority = $kept{priority}{$name} || ($flags =~ /\bnet\b/ ? -100 : 0);
    $rule{priority} = 0 + $priority;
    if ($type == 0x08) {
        $rule{header} = $conf->{test_opt_header}{$name};
        $rule{$_} = $conf->{"test_opt_$_"}{$name} ? 1 : 0 for qw(exists neg);
        $rule{unset} = $conf->{test_opt_unset}{$name};
    }
    $rule{pattern} = pattern($conf->{test_qrs}{$name})
        if $type == 0x08 && !$rule{exists} || $type == 0x0a || $type == 0x0c || $type == 0x0e || $type == 0x10;
    if (($type & 1) == 1) {
        for my $table (qw(head_evals body_evals rawbody_evals full_evals)) {
            for my $p (keys %{ $conf->{$table} }) {
                my $call = $conf->{$table}{$p}{$name} or next;
                $rule{call} = [ map { defined ? "$_" : undef } $call->[0], @{ $call->[1] } ];
            }
        }
        my $call = $conf->{rbl_evals}{$name};
        $rule{call} = [ $call->[0], @{ $call->[1] } ] if $call;
    }
    if ($type == 0x12) {
        $rule{dependencies} = $conf->{meta_dependencies}{$name} || [];
        my $sub = $conf->{meta_tests}{$name};
        for my $seed (0 .. 7) {
            tie my %h, 'Hits', $seed;
            push @{ $rule{values} }, number(scalar eval { $sub->({ main => $sa }, \%h) });
        }
    }
    $rule{captures} = 1 if $conf->{capture_rules}{$name};
    $rule{templates} = [ sort keys %{ $conf->{capture_template_rules}{$name} } ] if $conf->{capture_template_rules}{$name};
    return \%rule;
}

{
    package Hits;
    sub TIEHASH { bless { seed => $_[1] }, $_[0] }
    sub FETCH { main::hits($_[1], $_[0]{seed}) }
}

# ---- settings, by what they are ----
my %skip = map { $_ => 1 } qw(
    score describe descriptions tflags priority subjprefix header body uri rawbody full meta reuse mimeheader uri_detail askdns test
    version_tag require_version loadplugin tryplugin enable_compat hashbl_email_regex hashbl_email_welcomelist
    dns_local_ports_permit dns_local_ports_avoid dns_local_ports_none replace_rules geodb_module geodb_options geodb_search_path
    country_db_type country_db_path uri_country_db_path uri_country_db_isp_path fns_add_addrlist fns_remove_addrlist
    olemacro_exts olemacro_macro_exts olemacro_skip_exts olemacro_skip_ctypes olemacro_zips olemacro_download_marker);

sub plain {
    my ($value) = @_;
    my $ref = ref $value;
    return undef if !defined $value;
    return pattern($value) if $ref eq 'Regexp';
    return "$value" if !$ref;
    return [ map { plain($_) } @$value ] if $ref eq 'ARRAY';
    return { map { $_ => plain($value->{$_}) } keys %$value } if $ref eq 'HASH';
    return [ map { $_->{as_string} } @{ $value->{nets} || [] } ] if $ref eq 'Mail::SpamAssassin::NetSet';
    return "$ref";
}

# Lists of addresses: what is listed; our maps have no patterns.
sub emptied { my ($map) = @_; return { map { $_ => '' } keys %{ $map || {} } } }

sub settings {
    my ($conf) = @_;
    my %out;
    for my $command (@{ $conf->{registered_commands} }) {
        my $key = $command->{setting};
        next if $skip{$key} || $key =~ /^uri(?:dnsbl|dnssub|rhsbl|rhssub|nsrhsbl|nsrhssub|fullnsrhsbl|fullnsrhssub)$/;
        my $value = $conf->{$key};
        next if !defined $value;
        if (($command->{type} || 0) == 5 && ref $value eq 'HASH') {
            my ($first) = values %$value;
            $value = ref $first eq 'HASH' ? { map { $_ => $value->{$_}{domain} } keys %$value } : emptied($value);
        }
        $out{$key} = plain($value);
    }
    $out{redirector_pattern} = plain($conf->{redirector_patterns} || []);
    $out{util_rb_tld} = plain($conf->{valid_tlds});
    $out{util_rb_2tld} = plain($conf->{two_level_domains});
    $out{util_rb_3tld} = plain($conf->{three_level_domains});
    $out{uridnsbl_skip_domain} = plain($conf->{uridnsbl_skip_domains}) if $conf->{uridnsbl_skip_domains};
    $out{$_} = plain($conf->{$_}) for qw(dns_servers dns_query_blocked bayes_stopword rbl_timeout_min asnlookups);
    $out{"headers_$_"} = [ map { @$_ } @{ $conf->{"headers_$_"} } ] for qw(ham spam);
    delete $out{asnlookups} if !$out{asnlookups};
    $out{asnlookups} = [ map { @$_{qw(zone asn_tag route_tag)} } @{ $conf->{asnlookups} } ] if $conf->{asnlookups};
    $out{$_} = emptied($conf->{$_}) for grep { ref $conf->{$_} eq 'HASH' && /^[A-Z]/ } keys %$conf;    # enlist_addrlist
    return { map { $_ => $out{$_} } grep { defined $out{$_} } keys %out };
}

sub of_plugins {
    my ($conf, $sa) = @_;
    my %out;
    $out{mimeheaders}{$_} = do {
        my $m = $conf->{mimeheader_tests}{$_};
        { header => $m->{hdr}, negated => $m->{negated}, unset => $m->{if_unset}, pattern => pattern($m->{pattern}) };
    } for keys %{ $conf->{mimeheader_tests} || {} };
    for my $name (keys %{ $conf->{uri_detail} || {} }) {
        $out{uri_details}{$name}{$_} = [ $conf->{uri_detail}{$name}{$_}[0], pattern($conf->{uri_detail}{$name}{$_}[1]) ]
            for keys %{ $conf->{uri_detail}{$name} };
    }
    for my $name (keys %{ $conf->{askdns} || {} }) {
        my $a = $conf->{askdns}{$name};
        my $sub = $a->{subtest};
        $out{askdns}{$name} = {
            query => $a->{query}, type => $a->{q_type}, answers => $a->{a_types}, tags => [ sort keys %{ $a->{tags} || {} } ],
            subtest => !defined $sub ? undef : ref $sub eq 'HASH' ? join(',', sort keys %$sub) : ref $sub ? pattern($sub) : "$sub" };
    }
    for my $name (keys %{ $conf->{uridnsbls} || {} }) {
        my $u = $conf->{uridnsbls}{$name};
        my $kind = $u->{is_rhsbl} ? 'domain' : $u->{is_nsrhsbl} ? 'ns' : $u->{is_fullnsrhsbl} ? 'full' : 'ip';
        $out{uridnsbls}{$name} = [ $u->{zone}, $u->{type}, $kind, $u->{subtest} ];
    }
    for my $plugin (@{ $sa->{plugins}{plugins} }) {
        my $ref = ref $plugin;
        $out{freemail} = { map { $_ => '1' } keys %{ $plugin->{freemail_domains} || {} } } if $ref =~ /::FreeMail$/;
        $out{stopwords} = { map { $_ => pattern($plugin->{bayes_stopword}{$_}) } keys %{ $plugin->{bayes_stopword} || {} } }
            if $ref =~ /::Bayes$/;
        $out{acl} = plain($plugin->{hashbl_acl} || {}) if $ref =~ /::HashBL$/;
    }
    return \%out;
}

sub configuration {
    my ($rules, $site, $net) = @_;
    my $sa = Mail::SpamAssassin->new({
        rules_filename => $rules, site_rules_filename => $site, local_tests_only => $net eq 'local' ? 1 : 0, dont_copy_prefs => 1,
        languages_filename => '/usr/share/spamassassin/languages', userstate_dir => '/nonexistent' });
    $sa->init(0);
    my $conf = $sa->{conf};
    my %out = (errors => $conf->{errors}, rules => {}, scores => {}, plugins => [ sort keys %{ $conf->{plugins_loaded} } ]);
    $out{rules}{$_} = rule($conf, $sa, $_) for keys %{ $conf->{test_types} };
    for my $name (keys %{ $conf->{scoreset}[0] }) {
        $out{scores}{$name} = [ map { sprintf '%.9g', $conf->{scoreset}[$_]{$name} } 0 .. 3 ];
    }
    $out{$_} = plain($conf->{$_}) for qw(tflags descriptions subjprefix);
    $out{settings} = settings($conf);
    $out{of_plugins} = of_plugins($conf, $sa);
    return \%out;
}

# ---- what plugins register ----
sub commands {
    return [
        map {
            my $c = $_;
            map { [ $_, $c->{setting} ] } $c->{command} || $c->{setting}, @{ $c->{aliases} || [] };
        } @_
    ];
}

sub tables {
    my $sa = Mail::SpamAssassin->new({ rules_filename => '/nonexistent', site_rules_filename => '/nonexistent', local_tests_only => 1,
        dont_copy_prefs => 1, languages_filename => '/usr/share/spamassassin/languages' });
    my $conf = $sa->{conf};
    $conf->{main} = $sa;
    no strict 'refs';
    my $features = sub { my $p = $_[0]; [ grep { /^(?:has|feature|perl_min)_/ && defined &{"${p}::$_"} } sort keys %{"${p}::"} ] };
    my %out = (commands => commands(@{ $conf->{registered_commands} }), features => $features->('Mail::SpamAssassin::Conf'));
    my ($folder) = $INC{'Mail/SpamAssassin/Plugin.pm'} =~ m{^(.*)\.pm$};
    for my $path (sort glob "$folder/*.pm") {
        my ($name) = $path =~ m{(\w+)\.pm$};
        next if $name eq 'Test';
        my $module = "Mail::SpamAssassin::Plugin::$name";
        my $n = @{ $conf->{registered_commands} };
        local $conf->{eval_plugins} = {};
        local $conf->{eval_plugins_types} = {};
        $conf->load_plugin($module);
        my @commands = @{ $conf->{registered_commands} };
        $out{plugins}{$name} = {
            features => $features->($module), commands => commands(@commands[ $n .. $#commands ]),
            functions => [ map { [ $_, $type{ $conf->{eval_plugins_types}{$_} || 0 } || 'none' ] } sort keys %{ $conf->{eval_plugins} } ] };
    }
    return \%out;
}

open my $out, '>&', \*STDOUT;
open STDOUT, '>', '/dev/null';
$SIG{__WARN__} = sub { };
if (@ARGV && $ARGV[0] eq '--tables') {
    print $out $json->encode(tables()), "\n";
    exit 0;
}
select((select($out), $| = 1)[0]);    # SpamAssassin prints some tokens to the selected handle
while (my $line = <STDIN>) {
    chomp $line;
    my $pid = fork;    # plugins leave traces in the process
    if (!$pid) {
        my $made = eval { configuration(split /\t/, $line) } || { died => "$@" };
        print $out $json->encode($made), "\n";
        close $out;
        require POSIX;
        POSIX::_exit(0);
    }
    waitpid $pid, 0;
}

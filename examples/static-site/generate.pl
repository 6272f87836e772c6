# Usage: generate.pl LAYOUT PAGES OUT. Puts each page into the layout; the first line of a page is its title.
use strict;
use warnings;

my ($layout_file, $pages, $out) = @ARGV;
sub slurp { open my $file, '<', $_[0] or die "$_[0]: $!"; local $/; return <$file> }
my $layout = slurp($layout_file);
mkdir $out or die "$out: $!";
for my $page (sort glob "$pages/*.txt") {
    my ($title, $body) = split /\n/, slurp($page), 2;
    my $html = $layout =~ s/TITLE/$title/gr =~ s/BODY/join "\n", map { "<p>$_<\/p>" } grep { \/\S\/ } split \/\n\n+\/, $body/er;
    my ($name) = $page =~ m{([^/]+)\.txt$};
    open my $file, '>', "$out/$name.html" or die $!;
    print $file $html;
}

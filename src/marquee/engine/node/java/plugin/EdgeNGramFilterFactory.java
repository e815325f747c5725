package marquee.analysis;

import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.reverse.ReverseStringFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;

/** {@code edge_ngram}: {@code min_gram} (1), {@code max_gram} (2), {@code preserve_original} (false), {@code side} (front). */
final class EdgeNGramFilterFactory extends AbstractTokenFilterFactory {

    private final int minGram;
    private final int maxGram;
    private final boolean preserveOriginal;
    private final boolean fromBack;

    EdgeNGramFilterFactory(String name, Settings settings) {
        super(name, settings);
        minGram = settings.getAsInt("min_gram", 1);
        maxGram = settings.getAsInt("max_gram", 2);
        preserveOriginal = settings.getAsBoolean("preserve_original", false);
        String side = settings.get("side", "front");
        if (side.equals("front") == false && side.equals("back") == false) {
            throw new IllegalArgumentException("invalid side: " + side);
        }
        fromBack = side.equals("back");
    }

    @Override
    public TokenStream create(TokenStream input) {
        // Lucene dropped the back side; grams of the reversed token, reversed again, are the same.
        TokenStream tokens = fromBack ? new ReverseStringFilter(input) : input;
        tokens = new EdgeNGramTokenFilter(tokens, minGram, maxGram, preserveOriginal);
        return fromBack ? new ReverseStringFilter(tokens) : tokens;
    }

    @Override
    public boolean breaksFastVectorHighlighter() {
        return true;
    }

    @Override
    public TokenFilterFactory getSynonymFilter() {
        throw new IllegalArgumentException("Token filter [" + name() + "] cannot be used to parse synonyms");
    }
}

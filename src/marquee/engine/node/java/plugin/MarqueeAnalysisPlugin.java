package marquee.analysis;

import java.util.List;
import java.util.Map;
import org.apache.lucene.analysis.core.KeywordTokenizer;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenFilter;
import org.apache.lucene.analysis.ngram.EdgeNGramTokenizer;
import org.apache.lucene.analysis.ngram.NGramTokenFilter;
import org.apache.lucene.analysis.ngram.NGramTokenizer;
import org.elasticsearch.index.analysis.PreConfiguredTokenFilter;
import org.elasticsearch.index.analysis.PreConfiguredTokenizer;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * The analysis components the minimal server lacks, under the names and with the parameters of the full
 * distribution, so that one mapping works on both. All work is done by the Lucene classes in the server's lib.
 */
public final class MarqueeAnalysisPlugin extends Plugin implements AnalysisPlugin {

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of(
            "asciifolding", (index, env, name, settings) -> new AsciiFoldingFactory(name, settings),
            "edge_ngram", (index, env, name, settings) -> new EdgeNGramFilterFactory(name, settings),
            "ngram", (index, env, name, settings) -> new NGramFilterFactory(index, name, settings),
            "pattern_capture", AnalysisPlugin.requiresAnalysisSettings(
                (index, env, name, settings) -> new PatternCaptureFactory(name, settings)));
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of(
            "edge_ngram", (index, env, name, settings) -> new EdgeNGramTokenizerFactory(index, name, settings),
            "keyword", (index, env, name, settings) -> new KeywordTokenizerFactory(index, name, settings),
            "ngram", (index, env, name, settings) -> new NGramTokenizerFactory(index, name, settings),
            "uax_url_email", (index, env, name, settings) -> new EmailTokenizerFactory(index, name, settings));
    }

    // What a bare name means in an analyzer differs from the defaults of the configurable filter of that name:
    // a bare edge_ngram makes grams of one character, a configured one of one and two.
    @Override
    public List<PreConfiguredTokenFilter> getPreConfiguredTokenFilters() {
        return List.of(
            PreConfiguredTokenFilter.singleton("asciifolding", true, input -> new ASCIIFoldingFilter(input)),
            PreConfiguredTokenFilter.singleton("edge_ngram", false, false, input -> new EdgeNGramTokenFilter(input, 1)),
            PreConfiguredTokenFilter.singleton("ngram", false, false, input -> new NGramTokenFilter(input, 1, 2, false)));
    }

    @Override
    public List<PreConfiguredTokenizer> getPreConfiguredTokenizers() {
        return List.of(
            PreConfiguredTokenizer.singleton("edge_ngram", () -> new EdgeNGramTokenizer(
                NGramTokenizer.DEFAULT_MIN_NGRAM_SIZE, NGramTokenizer.DEFAULT_MAX_NGRAM_SIZE)),
            PreConfiguredTokenizer.singleton("keyword", () -> new KeywordTokenizer()),
            PreConfiguredTokenizer.singleton("ngram", () -> new NGramTokenizer()),
            PreConfiguredTokenizer.singleton("uax_url_email", () -> new UAX29URLEmailTokenizer()));
    }
}

package marquee.analysis;

import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import org.elasticsearch.common.settings.Settings;

/** {@code token_chars} and {@code custom_token_chars}: which characters a gram may hold; all others divide tokens. */
final class TokenChars {

    private TokenChars() {}

    /** Read the classes; null when none is named, which means every character. */
    static IntPredicate parse(Settings settings) {
        List<String> classes = settings.getAsList("token_chars");
        if (classes.isEmpty()) {
            return null;
        }
        String custom = settings.get("custom_token_chars");
        IntPredicate any = character -> false;
        for (String name : classes) {
            any = any.or(parseClass(name.toLowerCase(Locale.ROOT).trim(), custom));
        }
        return any;
    }

    private static IntPredicate parseClass(String name, String custom) {
        switch (name) {
            case "letter":
                return Character::isLetter;
            case "digit":
                return Character::isDigit;
            case "whitespace":
                return Character::isWhitespace;
            case "punctuation":
                return TokenChars::isPunctuation;
            case "symbol":
                return TokenChars::isSymbol;
            case "custom":
                if (custom == null) {
                    throw new IllegalArgumentException("Token type: 'custom' requires setting `custom_token_chars`");
                }
                return character -> custom.indexOf(character) >= 0;
            default:
                throw new IllegalArgumentException("Unknown token type: '" + name
                    + "', must be one of letter, digit, whitespace, punctuation, symbol, custom");
        }
    }

    private static boolean isPunctuation(int character) {
        switch (Character.getType(character)) {
            case Character.START_PUNCTUATION:
            case Character.END_PUNCTUATION:
            case Character.OTHER_PUNCTUATION:
            case Character.CONNECTOR_PUNCTUATION:
            case Character.DASH_PUNCTUATION:
            case Character.INITIAL_QUOTE_PUNCTUATION:
            case Character.FINAL_QUOTE_PUNCTUATION:
                return true;
            default:
                return false;
        }
    }

    private static boolean isSymbol(int character) {
        switch (Character.getType(character)) {
            case Character.CURRENCY_SYMBOL:
            case Character.MATH_SYMBOL:
            case Character.OTHER_SYMBOL:
                return true;
            default:
                return false;
        }
    }
}

//! What numbers mean in which country: prefixes, and the numbers that cost or do harm.
//!
//! The tables hold what is known to be expensive, dangerous or a command to the exchange. They are not
//! complete, and numbering plans change: whoever lets strangers type numbers should list the allowed ones.

use super::policy::Pattern;

/// Why a number is not for callers to choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Police, fire, ambulance, help lines: whole numbers.
    Emergency,
    /// Premium and shared-cost services, directory enquiries, satellites.
    Premium,
    /// Another country, or a number that is billed as one.
    International,
    /// The choice of another carrier, operators.
    Carrier,
    /// Commands to the exchange: diversion, withheld numbers.
    Diversion,
}

impl Class {
    /// All classes.
    pub const ALL: [Class; 5] =
        [Class::Emergency, Class::Premium, Class::International, Class::Carrier, Class::Diversion];

    /// The word for it in callback.config.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Emergency => "emergency",
            Class::Premium => "premium",
            Class::International => "international",
            Class::Carrier => "carrier",
            Class::Diversion => "diversion",
        }
    }
}

/// One country's prefixes, all as dialled within it. `?` is any digit, `$` the end.
struct Country {
    code: &'static str,
    international: &'static str,
    national: &'static str,
    emergency: &'static str,
    premium: &'static str,
    carrier: &'static str,
}

const fn country(
    code: &'static str,
    [international, national]: [&'static str; 2],
    emergency: &'static str,
    premium: &'static str,
    carrier: &'static str,
) -> Country {
    Country { code, international, national, emergency, premium, carrier }
}

#[rustfmt::skip]
const COUNTRIES: &[Country] = &[
    country("1", ["011", "1"], "911 112 988 933 211 311 511 711 811",
        "1900 900???????$ 1976 976????$ 411$ 1411 1???5551212$ ???5551212$ 5551212$ 1500 1700", "101 0"),
    country("7", ["810", "8"], "01 02 03 04 101 102 103 104 112", "8809 8803 8804 118", "85"),
    country("30", ["00", ""], "100 108 112 166 171 197 199", "901 909 14 118 190 195", "10"),
    country("31", ["00", "0"], "112 113 116 144", "0900 0906 0909 0676 084 087 18", "16"),
    country("32", ["00", "0"], "100 101 102 103 104 105 106 107 110 112 116", "090 070 12 13", "15 16"),
    country("33", ["00", "0"], "15 17 18 112 114 115 116000 119 191 196 197", "089 082 081 118 3???$ 36 39", "16"),
    country("34", ["00", ""], "016 061 062 080 085 088 091 092 112", "803 806 807 905 907 118 70 80 901 902 79", "10"),
    country("351", ["00", ""], "112 115 117 144", "76 70 62 18 118", "10"),
    country("353", ["00", "0"], "112 999 116", "15 118 0818", "13 17"),
    country("358", ["00", "0"], "112 116", "0600 0700 0606 0100 118 020", "10"),
    country("36", ["00", "06"], "104 105 107 112", "0690 0691 118", "15"),
    country("39", ["00", ""], "112 113 114 115 117 118 1515 1518 1530 1522 116", "89 166 144 178 199 12 163 164 4", "10"),
    country("380", ["00", "0"], "101 102 103 104 112", "0900 0703", "10"),
    country("41", ["00", "0"], "112 117 118 140 143 144 145 147 1414 1415", "0900 0901 0906 084 18 16 0878", "107 108"),
    country("420", ["00", ""], "112 150 155 156 158", "90 976 118 14 8", "10"),
    country("43", ["00", "0"], "112 122 133 140 141 142 144 147 128", "0900 0901 0930 0931 0939 0820 0821 118 08289 09", "10"),
    country("44", ["00", "0"], "999 112 101 105 111 116", "09 087 084 070 076 118", "1"),
    country("45", ["00", ""], "112 114 113 1813", "90 118", "10 16"),
    country("46", ["00", "0"], "112 11313 11414 1177", "0900 0939 0944 099 0969 118 077", "95"),
    country("47", ["00", ""], "110 112 113 116117", "82 188 18 19 0", "15 16"),
    country("48", ["00", ""], "112 984 986 987 991 992 993 994 997 998 999", "70 300 40 118 19 801", "10"),
    country("49", ["00", "0"], "110 112 115 116 116116 116117 19222",
        "0900 0190 0191 0192 0193 0194 0137 0138 0180 0181 0182 0183 0184 0185 0186 0187 0188 0189 012 118 0700", "010"),
    country("55", ["00", "0"], "180 181 188 190 191 192 193 194 197 198 199", "0900 0300 0500 0303 4004", ""),
    country("61", ["0011", "0"], "000 106 112", "190 0190 13 0055 124 125", "14 0014 0015 0018 18??$"),
    country("64", ["00", "0"], "111 112 105", "0900 018 0161", "05"),
    country("81", ["010", "0"], "110 118 119 171 188 189", "0990 0570 0180 0170 104", "00 122"),
];

/// Where the country is not told: what is dangerous in many places. Set `country-code` for the exact table.
#[rustfmt::skip]
const ANYWHERE: Country = country("", ["00", "0"],
    "15 17 18 000 061 062 091 092 060 066 080 100 101 102 103 104 105 106 107 108 110 111 112 113 114 115 116 117 118 119 120 \
     122 133 140 141 142 144 150 155 156 158 166 190 191 192 193 194 196 197 199 911 933 984 988 991 992 993 994 995 996 997 998 999 \
     1177 1414 1415 1515 1530 116000 116116 116117 19222",
    "090 0190 0191 0137 0138 0180 0891 0892 0893 0895 0897 0898 0899 0871 0872 0873 0990 0570 803??????$ 806??????$ 807??????$ \
     1900 900???????$ 1976 976????$ 118 1411 411$ 0055",
    "010 101 107??");

/// Dearer than any country, wherever one calls from: international networks, satellites, shared cost.
const WORLD_PREMIUM: &str = "979 808 870 871 872 873 874 878 881 882 883 888 246 247";

/// Prefixes of the North American plan that are other countries, billed as such.
const CARIBBEAN: &str = "242 246 264 268 284 345 441 473 649 658 664 721 758 767 784 809 829 849 868 869 876";

/// Commands to exchanges, where `*` and `#` may stand or where digits mean them (`11` is `*` in North America).
const COMMANDS: &str = "* # 116? 117? 118? 119?";

/// How numbers are dialled from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    country: Option<String>,
    international: String,
    national: String,
}

impl Default for Plan {
    fn default() -> Self {
        Plan::new(None, None, None)
    }
}

fn digits(text: &str) -> bool {
    text.len() <= 8 && text.bytes().all(|b| b.is_ascii_digit())
}

impl Plan {
    /// The plan of a country (its code without `+`, if told), with its prefixes unless others are given.
    /// What is not digits counts as not told.
    #[must_use]
    pub fn new(country: Option<&str>, international: Option<&str>, national: Option<&str>) -> Plan {
        let country = country.filter(|c| !c.is_empty() && digits(c));
        let known = country.and_then(find).unwrap_or(&ANYWHERE);
        let given = |text: Option<&str>, usual: &str| text.filter(|t| digits(t)).unwrap_or(usual).to_string();
        let mut international = given(international, known.international);
        if international.is_empty() {
            international.push_str(known.international);
        }
        Plan { country: country.map(String::from), international, national: given(national, known.national) }
    }

    /// The country's code, if it is known.
    #[must_use]
    pub fn country(&self) -> Option<&str> {
        self.country.as_deref()
    }

    /// The number as it is dialled from here: `+` becomes the international prefix; the own country's code
    /// becomes the national one. Other characters stay.
    #[must_use]
    pub fn dialled(&self, number: &str) -> String {
        let abroad = number.strip_prefix('+').or_else(|| number.strip_prefix(self.international.as_str()));
        let Some(rest) = abroad else { return number.to_string() };
        if let Some(own) = self.country.as_deref().and_then(|c| rest.strip_prefix(c)) {
            // `+49 (0) 30 …` is how people write it; the 0 is not dialled from abroad.
            let own = match own.strip_prefix(self.national.as_str()) {
                Some(written) if self.national == "0" => written,
                _ => own,
            };
            return format!("{}{own}", self.national);
        }
        format!("{}{rest}", self.international)
    }

    /// What the tables say of a number as dialled: the class, and the prefix that makes it so
    /// (the one that says most; of equal ones the graver class).
    #[must_use]
    pub fn class(&self, dialled: &str) -> Option<(Class, Pattern)> {
        let mut found: Option<(Class, Pattern)> = None;
        let mut see = |class: Class, pattern: &str| {
            let Ok(parsed) = Pattern::parse(pattern) else { return };
            let heavier = found.as_ref().is_none_or(|(_, before)| parsed.weight() >= before.weight());
            if heavier && parsed.matches(dialled) {
                found = Some((class, parsed));
            }
        };
        let here = self.country.as_deref().and_then(find).unwrap_or(&ANYWHERE);
        see(Class::International, &self.international);
        if self.country.is_none() {
            see(Class::International, "011");
        }
        for word in COMMANDS.split(' ') {
            see(Class::Diversion, word);
        }
        for word in here.carrier.split(' ').filter(|w| !w.is_empty()) {
            see(Class::Carrier, word);
        }
        for word in here.premium.split(' ') {
            see(Class::Premium, word);
        }
        for word in here.emergency.split_ascii_whitespace() {
            // Also behind a PBX's digit for an outside line.
            for before in ["", "0", "9"] {
                see(Class::Emergency, &format!("{before}{word}$"));
            }
        }
        if self.country.as_deref().is_none_or(|c| c == "1") {
            for word in CARIBBEAN.split(' ') {
                see(Class::International, &format!("1{word}???????$"));
                see(Class::International, &format!("{word}???????$"));
            }
        }
        for word in WORLD_PREMIUM.split(' ') {
            see(Class::Premium, &format!("{}{word}", self.international));
        }
        for land in COUNTRIES.iter().filter(|land| Some(land.code) != self.country.as_deref()) {
            for word in land.premium.split(' ') {
                let within = word.strip_prefix(land.national).unwrap_or(word);
                see(Class::Premium, &format!("{}{}{within}", self.international, land.code));
            }
        }
        found
    }
}

fn find(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_tables_is_a_pattern() {
        for land in COUNTRIES.iter().chain([&ANYWHERE]) {
            for list in [land.emergency, land.premium, land.carrier] {
                for word in list.split_ascii_whitespace() {
                    assert!(Pattern::parse(word).is_ok(), "{} {word}", land.code);
                }
            }
        }
        for word in COMMANDS.split(' ').chain(WORLD_PREMIUM.split(' ')).chain(CARIBBEAN.split(' ')) {
            assert!(Pattern::parse(word).is_ok(), "{word}");
        }
    }

    #[test]
    fn a_number_is_rewritten_as_it_is_dialled() {
        let german = Plan::new(Some("49"), None, None);
        assert_eq!(german.dialled("+4930123456"), "030123456");
        assert_eq!(german.dialled("+49(0)30".replace(['(', ')'], "").as_str()), "030");
        assert_eq!(german.dialled("004930123456"), "030123456");
        assert_eq!(german.dialled("+44123"), "0044123");
        assert_eq!(german.dialled("030123456"), "030123456");
        let american = Plan::new(Some("1"), None, None);
        assert_eq!(american.dialled("+12125551234"), "12125551234");
        assert_eq!(american.dialled("+4930"), "0114930");
        assert_eq!(american.dialled("01112125551234"), "12125551234");
        assert_eq!(Plan::default().dialled("+4930"), "004930");
        assert_eq!(Plan::new(Some("4x"), Some("bad"), None), Plan::default());
    }
}

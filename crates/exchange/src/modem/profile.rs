//! Modem families as data: what they say of themselves and what they lack.

use super::caller_id::Dialect;

/// A family of modems.
#[derive(Debug)]
pub struct Profile {
    /// Its name in options.
    pub name: &'static str,
    /// Answers to `ATI0`, `ATI1` …; others answer only `OK`.
    pub info: &'static [(u32, &'static str)],
    /// `+GMI`, maker; empty: the command is an error.
    pub maker: &'static str,
    /// `+GMM`, model.
    pub model: &'static str,
    /// `+GMR`, revision.
    pub revision: &'static str,
    /// `+GCAP`, capabilities.
    pub capabilities: &'static str,
    /// `+FCLASS=?`; empty: the command is an error.
    pub classes: &'static str,
    /// How it shows callers unless the line says otherwise.
    pub dialect: Dialect,
    /// Families of commands it does not know, by their heads.
    pub unknown: &'static [&'static str],
    /// `false`: sold without guard times around `+++`.
    pub guarded: bool,
}

/// The families, the default first.
pub const PROFILES: [Profile; 9] = [
    Profile {
        name: "rockwell",
        info: &[
            (0, "33600"),
            (1, "255"),
            (2, ""),
            (3, "V2.210-V34_DP"),
            (4, "a007880284C6002F"),
            (6, "RC336DPFSP Rev 05BA"),
        ],
        maker: "Ringback",
        model: "RB336 V.34 data/fax modem",
        revision: "V1.00",
        capabilities: "+GCAP: +FCLASS,+MS,+ES,+DS",
        classes: "0,1,8",
        dialect: Dialect::Spaced,
        unknown: &[],
        guarded: true,
    },
    Profile {
        name: "usr",
        info: &[
            (0, "5607"),
            (3, "U.S. Robotics 56K FAX EXT V4.11.2"),
            (7, "Configuration Profile...\r\n\r\nProduct type           US/Canada External"),
        ],
        maker: "",
        model: "",
        revision: "",
        capabilities: "",
        classes: "0,1,2.0",
        dialect: Dialect::Spaced,
        unknown: &["+V", "+G", "+M", "+E", "+D"],
        guarded: true,
    },
    Profile {
        name: "zyxel",
        info: &[(0, "1496"), (1, "2B54")],
        maker: "",
        model: "",
        revision: "",
        capabilities: "",
        classes: "0,2,2.0,6",
        dialect: Dialect::Zyxel,
        unknown: &["+G", "+M", "+E", "+D", "#"],
        guarded: true,
    },
    Profile {
        name: "multitech",
        info: &[(0, "247"), (1, "9100"), (2, "MT5600ZDX")],
        maker: "Multi-Tech Systems, Inc.",
        model: "MT5600ZDX",
        revision: "1.20",
        capabilities: "+GCAP: +FCLASS,+MS,+ES,+DS",
        classes: "0,1,2",
        dialect: Dialect::Spaced,
        unknown: &["#"],
        guarded: true,
    },
    Profile {
        name: "elsa",
        info: &[(0, "641"), (3, "MicroLink 56k basic"), (6, "Version 1.29")],
        maker: "ELSA AG",
        model: "MicroLink 56k",
        revision: "1.29",
        capabilities: "+GCAP: +FCLASS",
        classes: "0,1,2,2.0",
        dialect: Dialect::Elsa,
        unknown: &["#", "+V"],
        guarded: true,
    },
    Profile {
        name: "acm",
        info: &[],
        maker: "Silicon Laboratories",
        model: "USB modem",
        revision: "SKYD.C5",
        capabilities: "+GCAP: +FCLASS,+MS,+ES,+DS",
        classes: "0,1,8",
        dialect: Dialect::Tight,
        unknown: &["#"],
        guarded: true,
    },
    Profile {
        name: "wifi",
        info: &[(0, "Zimodem Firmware v3.6.2\r\nsdk=v2.2 chipid=11 cpu@80\r\ntotsize=4096k 192.168.1.77")],
        maker: "",
        model: "",
        revision: "",
        capabilities: "",
        classes: "",
        dialect: Dialect::None,
        unknown: &["+", "#", "&D", "&T"],
        guarded: true,
    },
    Profile {
        name: "iridium",
        info: &[(0, "2400"), (3, "Call Processor Version: ST10009"), (7, "LBT EBC 1")],
        maker: "Iridium",
        model: "9500 Satellite Modem",
        revision: "ST10009",
        capabilities: "+GCAP: +CGSM",
        classes: "0",
        dialect: Dialect::Clip,
        unknown: &["#", "+V", "+M", "+E", "+D"],
        guarded: true,
    },
    Profile {
        name: "ties",
        info: &[(0, "14400"), (3, "V1.55 Ringback TIES")],
        maker: "Ringback",
        model: "TIES 144",
        revision: "V1.55",
        capabilities: "+GCAP: +FCLASS",
        classes: "0,1",
        dialect: Dialect::Spaced,
        unknown: &[],
        guarded: false,
    },
];

/// The family of that name.
pub fn named(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// The default family.
pub fn usual() -> &'static Profile {
    &PROFILES[0]
}

//! What the sealed cards say, in English and in Spanish: the sheet of each key, and of the vouchers.
//! How a sheet is drawn is crate `print`.

use std::path::Path;

use caucus::{Slot, UnitId};
use note::SignerKey;
use print::Card;
use receipt::leaf::Role;
use receipt::{Election, ElectionKind};

use super::super::failure::Outcome;
use super::super::files;

/// What a surface of a rehearsal says first.
pub(super) fn banner_words(election: &Election) -> &'static str {
    match election.kind() {
        ElectionKind::Rehearsal => "REHEARSAL: ",
        ElectionKind::Live => "",
    }
}

fn banner(election: &Election) -> String {
    match election.kind() {
        ElectionKind::Rehearsal => "REHEARSAL / ENSAYO".to_owned(),
        ElectionKind::Live => String::new(),
    }
}

/// The card of one key.
pub(super) fn card(election: &Election, place: &str, slot: Slot, key: &SignerKey) -> Card {
    let (title, advice) = match slot {
        Slot::A => (
            "Chair's key card (a) / Tarjeta del presidente",
            [
                "This card signs your precinct's report: scan the code, or type the 13 groups where \
                 the program asks for the card. Show it to nobody and photograph it never. If it is \
                 lost or was seen, call headquarters at once and open the second envelope.",
                "Esta tarjeta firma el informe de su precinto: escanee el código o escriba los 13 \
                 grupos donde el programa pida la tarjeta. No la muestre ni la fotografíe. Si se \
                 pierde o alguien la vio, llame de inmediato a la sede y abra el segundo sobre.",
            ],
        ),
        Slot::B => (
            "Sealed spare (b) / Tarjeta de reserva",
            [
                "Open this envelope only if the chair's own card is lost or does not work. It works \
                 at once, and from its first report on the chair's own card counts no longer. Tell \
                 headquarters that it was opened.",
                "Abra este sobre solo si la tarjeta del presidente se perdió o no funciona. Funciona \
                 de inmediato, y desde su primer informe la otra tarjeta ya no cuenta. Avise a la \
                 sede que se abrió.",
            ],
        ),
        Slot::S => (
            "Secretary's key card (s) / Tarjeta del secretario",
            [
                "This card confirms what the secretary read from the sheet, without looking at the \
                 chair's report. Scan the code, or type the 13 groups where the program asks for the \
                 card. Show it to nobody, the chair included.",
                "Esta tarjeta confirma lo que el secretario leyó en la hoja, sin mirar el informe del \
                 presidente. Escanee el código o escriba los 13 grupos donde el programa pida la \
                 tarjeta. No la muestre a nadie, tampoco al presidente.",
            ],
        ),
    };
    let verb = match slot {
        Slot::A | Slot::B => "submit",
        Slot::S => "attest",
    };
    let named = key.verifier().name().as_str();
    let short = named.split_once('/').map_or(named, |(_, short)| short);
    let mut card = key_card(election, title, ("unit / precinto", place), key, advice);
    let command = format!("tally {verb} --card {short}");
    card.facts.push(("command / orden".to_owned(), command));
    card.facts.push(telephone());
    card
}

/// Who is called when something goes wrong: stamped or written on before the envelope is sealed.
fn telephone() -> (String, String) {
    let line = "_".repeat(24);
    ("headquarters / sede, tel.".to_owned(), line)
}

/// The card of a key of headquarters.
pub(super) fn role_card(election: &Election, role: Role, key: &SignerKey) -> Card {
    let advice = [
        "This card signs at headquarters in the name of its holder. Scan the code, or type the 13 \
         groups where the program asks for the card. Show it to nobody and photograph it never. If \
         it is lost or was seen, tell a registrar at once.",
        "Esta tarjeta firma en la sede en nombre de su titular. Escanee el código o escriba los 13 \
         grupos donde el programa pida la tarjeta. No la muestre ni la fotografíe. Si se pierde o \
         alguien la vio, avise de inmediato a un registrador.",
    ];
    let place = ("role / función", role.as_str());
    key_card(
        election,
        "Key card of headquarters / Tarjeta de la sede",
        place,
        key,
        advice,
    )
}

fn key_card(
    election: &Election,
    title: &str,
    (named, place): (&str, &str),
    key: &SignerKey,
    advice: [&str; 2],
) -> Card {
    Card {
        banner: banner(election),
        title: title.to_owned(),
        facts: vec![
            (named.to_owned(), place.to_owned()),
            ("election / elección".to_owned(), election.id().to_string()),
            ("key / clave".to_owned(), key.verifier().name().to_string()),
            ("key id".to_owned(), key.verifier().id().to_string()),
        ],
        scan: Some(key.to_secret_text()),
        groups: keyfile::typed(&key.seed()),
        advice: advice.map(str::to_owned).to_vec(),
    }
}

/// The sheet with a unit's vouchers.
pub(super) fn vouchers(
    election: &Election,
    folder: &Path,
    unit: &UnitId,
    place: &str,
) -> Outcome<Card> {
    let text = files::read_text(&folder.join(format!("{unit}.vouchers")))?;
    Ok(Card {
        banner: banner(election),
        title: "Vouchers for telephone reports / Vales por teléfono".to_owned(),
        facts: vec![
            ("unit / precinto".to_owned(), place.to_owned()),
            ("election / elección".to_owned(), election.id().to_string()),
            telephone(),
        ],
        scan: None,
        groups: text.lines().map(str::to_owned).collect(),
        advice: vec![
            "Each code is good for one report by telephone. Read one out only after you called \
             headquarters yourself, and strike it out. Then have the code of the report read back."
                .to_owned(),
            "Cada código sirve para un solo informe por teléfono. Léalo solo después de haber \
             llamado usted a la sede, y táchelo. Luego pida que le lean el código del informe."
                .to_owned(),
        ],
    })
}

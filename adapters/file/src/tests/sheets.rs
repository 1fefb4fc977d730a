use super::book::{book, row, sheet};
use super::*;

const HEADERS: [&str; 5] = ["\"Kod", "\"Rüb", "\"İcra, manat", "\"Tarix", "\"Qeyd"];

/// A package whose file is this spreadsheet.
fn desk(bytes: &[u8]) -> Desk {
    let desk = Desk::new();
    let manifest = MANIFEST.replace(
        "execution.csv\"\nseparator = \";\"",
        "execution.xlsx\"\nheader_row = 2",
    );
    desk.write("manifest.toml", &manifest);
    desk.put("execution.xlsx", bytes);
    desk
}

fn rows(rows: &[&[&str]]) -> String {
    let mut text = row(1, &["\"Büdcənin icrası"]) + &row(2, &HEADERS);
    for (number, cells) in (3..).zip(rows) {
        text += &row(number, cells);
    }
    sheet(&text)
}

#[tokio::test]
async fn a_sheet_is_read_as_a_text_file_is() {
    let bytes = book(
        &rows(&[
            &["\"01", "#1", "#1234.5", "@46112", ""],
            &["", "", "", "", ""],
            &["#2", "#1", "\"7,05", "\"31.03.2026", "\"Gəncə"],
        ]),
        &[],
    );
    let adapter = desk(&bytes).open().unwrap();
    let first =
        json!({ "code": "01", "period": { "quarter": 1, "end": "2026-03-31" }, "spent": 123_450 });
    assert_eq!(get(&adapter, "/01/1", &[]).await, (200, first));
    let second = get(&adapter, "/2/1", &[]).await.1;
    assert_eq!(
        (&second["spent"], &second["note"]),
        (&json!(705), &json!("Gəncə"))
    );
    assert_eq!(
        get(&adapter, "", &[]).await.1["total"],
        2,
        "empty rows are none"
    );
}

#[test]
fn a_broken_sheet_is_told_by_row_and_column() {
    let bytes = book(
        &rows(&[
            &["\"01", "#1.5", "#1", "@46112"],
            &["\"01", "#2", "#0.005", "@46112.25"],
            &["\"01", "#3", "?#DIV/0!", "!1"],
        ]),
        &[],
    );
    let faults = desk(&bytes).open().unwrap_err();
    let places: Vec<String> = faults.iter().map(Fault::at).collect();
    assert_eq!(
        places,
        [
            "execution.xlsx:3 column Rüb",
            "execution.xlsx:4 column Tarix",
            "execution.xlsx:4 column İcra, manat",
            "execution.xlsx:5 column Tarix",
            "execution.xlsx:5 column İcra, manat",
        ]
    );
}

#[test]
fn what_unpacks_to_too_much_is_refused_before_it_is_read() {
    let most = 8 * 1024 * 1024;
    let limits = FileLimits {
        unpacked_bytes: u64::try_from(most).unwrap(),
        ..FileLimits::default()
    };
    let refused = |bytes: &[u8]| {
        let desk = desk(bytes);
        let opened = FileAdapter::open(&desk.package(), &desk.files(), &limits);
        opened.unwrap_err().remove(0).code
    };
    let zeros = vec![0; most];
    let bomb = book(&rows(&[]), &[("xl/media/image1.png", &zeros)]);
    assert!(bomb.len() < most / 500, "{} bytes", bomb.len());
    assert_eq!(refused(&bomb), "unpacks-too-large");
    // The size that its headers claim is not believed.
    let mut lying = bomb.clone();
    let claimed = u32::try_from(most).unwrap().to_le_bytes();
    while let Some(at) = lying.windows(4).position(|window| window == claimed) {
        lying[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let code = refused(&lying);
    assert!(matches!(code, "unpacks-too-large" | "not-xlsx"), "{code}");
    let names: Vec<String> = (0..limits::PARTS).map(|n| format!("part{n}")).collect();
    let parts: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &b""[..])).collect();
    let crowd = book(&rows(&[]), &parts);
    assert_eq!(refused(&crowd), "unpacks-too-large");
}

#[tokio::test]
async fn a_cell_at_the_end_of_the_world_takes_no_room() {
    let far = r#"<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>"#;
    let text =
        row(1, &["\"x"]) + &row(2, &HEADERS) + &row(3, &["\"01", "#1", "#1", "@46112"]) + far;
    let adapter = desk(&book(&sheet(&text), &[])).open().unwrap();
    assert_eq!(get(&adapter, "", &[]).await.1["total"], 1);
}

#[test]
fn what_is_no_spreadsheet_or_lacks_the_sheet_says_so() {
    let code = |bytes: &[u8]| desk(bytes).open().unwrap_err()[0].code;
    assert_eq!(code(b"Kod;Rueb\n"), "not-xlsx");
    let sound = book(&rows(&[]), &[]);
    assert_eq!(code(&sound[..sound.len() / 2]), "not-xlsx");
    assert_eq!(code(&book("<worksheet><sheetData><row", &[])), "not-xlsx");
    let back = row(3, &["\"a"]) + &row(2, &HEADERS) + &row(1, &["\"b"]);
    assert!(matches!(
        code(&book(&sheet(&back), &[])),
        "not-xlsx" | "no-column"
    ));
    let desk = desk(&sound);
    let manifest = std::fs::read_to_string(desk.folder.path().join("manifest.toml")).unwrap();
    let manifest = manifest.replace("header_row = 2", "sheet = \"Plan\"");
    desk.write("manifest.toml", &manifest);
    assert_eq!(
        desk.told(),
        [
            "execution.xlsx: has no such sheet, but \"İcra\"; correct sheet in the manifest [no-sheet]"
        ]
    );
}

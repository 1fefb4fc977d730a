use super::*;

#[test]
fn a_broken_file_is_told_by_row_column_and_remedy_without_what_stands_there() {
    let desk = Desk::with("01;1;12x;31.03.2026;\n01;2;1;30.02.2026;\n;3;1;30.09.2026;\n01;x\n");
    assert_eq!(
        desk.told(),
        [
            "execution.csv:2 column İcra, manat: is not a sum in manats with at most two places after the point; \
             write a sum in manats with at most two places after the point [wrong-cell]",
            "execution.csv:3 column Tarix: is not a day: 2026-11-21 or 21.11.2026; write a day: 2026-11-21 or 21.11.2026 [wrong-cell]",
            "execution.csv:4 column Kod: is empty; fill it, or write empty = \"leave-out\" for the column in the manifest [empty-cell]",
            "execution.csv:5: has 2 cells, the header has 5; write a cell for each column; put one that holds the separator into quotes [row-length]",
        ]
    );
}

#[test]
fn lines_are_those_of_the_file_also_after_a_cell_of_several() {
    let desk = Desk::with("01;1;1;2026-03-31;\"two\nlines\"\n\n02;1;x;2026-03-31;\n");
    assert!(
        desk.told()[0].starts_with("execution.csv:5 column İcra"),
        "{:?}",
        desk.told()
    );
}

#[test]
fn a_quote_that_is_not_closed_hides_no_rows() {
    let told = "execution.csv: ends within quotes: it was cut, or rows stand in one cell; close the quote; \
                write a quote within a cell twice [open-quote]";
    for rows in [
        "01;1;1;2026-03-31;\"note\n02;1;1;2026-03-31;\n",
        "01;1;1;2026-03-31;\"cut within the no",
        "01;1;1;2026-03-31;\"\"\"",
        "01;1;1;2026-03-31;\"",
    ] {
        let all = Desk::with(rows).told();
        assert!(all.iter().any(|own| own == told), "{rows:?}: {all:?}");
    }
    // Quotes that are closed, or stand within a cell, are read as they are; so is a file without a last line break.
    for rows in [
        "01;1;1;2026-03-31;\"a \"\"b\"\" c\"",
        "01;1;1;2026-03-31;\"two\r\nlines\"\r\n\r\n",
        "01;1;1;2026-03-31;5\" pipe\n02;1;1;2026-03-31;\n\n\n",
    ] {
        assert!(Desk::with(rows).open().is_ok(), "{rows:?}");
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    let desk = Desk::new();
    let path = desk.files().join("execution.csv");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let told = desk.told();
    assert!(
        told[0].starts_with("execution.csv: is not a file"),
        "{told:?}"
    );
}

#[test]
fn two_rows_with_one_key_are_both_named() {
    let desk = Desk::with("01;1;1;2026-03-31;\n02;1;1;2026-03-31;\n01;1;2;2026-03-31;\n");
    let told = "execution.csv:4: has the key of row 2; remove one of the two rows, or correct the key [repeated-key]";
    assert_eq!(desk.told(), [told]);
}

#[test]
fn headers_must_be_there_once() {
    let code = |text: &str| {
        let desk = Desk::new();
        desk.put("execution.csv", text.as_bytes());
        let faults = desk.open().unwrap_err();
        (faults[0].code, faults[0].at(), faults.len())
    };
    let at = |place: &str| place.to_owned();
    assert_eq!(
        code("Kod;Rüb;Tarix;Qeyd\n"),
        ("no-column", at("execution.csv:1 column İcra, manat"), 1)
    );
    let twice = HEADER.replace("Qeyd", "Qeyd;Kod");
    assert_eq!(
        code(&twice),
        ("repeated-column", at("execution.csv:1 column Kod"), 1)
    );
    assert_eq!(code(""), ("no-header", at("execution.csv"), 1));
    assert_eq!(
        code(&HEADER.replace(';', ",")).0,
        "no-column",
        "another separator"
    );
}

#[test]
fn an_encoding_that_is_not_utf_8_is_refused_by_its_name() {
    let text = format!("{HEADER}{ROWS}");
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut broken = text.clone().into_bytes();
    let at = text.find("Gəncə").unwrap();
    broken[at + 1] = 0xfe;
    for (bytes, told) in [
        (
            [&[0xff, 0xfe], &*wide].concat(),
            "execution.csv: is UTF-16, little-endian, not UTF-8; save it as \"CSV UTF-8\" [encoding]",
        ),
        (
            vec![0xfe, 0xff, 0, b'K'],
            "execution.csv: is UTF-16, big-endian, not UTF-8; save it as \"CSV UTF-8\" [encoding]",
        ),
        (
            broken,
            "execution.csv:4: is not UTF-8, perhaps windows-1254 or windows-1251; save it as \"CSV UTF-8\" [encoding]",
        ),
    ] {
        let desk = Desk::new();
        desk.put("execution.csv", &bytes);
        assert_eq!(desk.told(), [told]);
    }
}

#[test]
fn a_file_beyond_a_limit_is_refused_by_the_name_of_the_limit() {
    let desk = Desk::with(ROWS);
    let code = |limits: &FileLimits| {
        let faults = FileAdapter::open(&desk.package(), &desk.files(), limits).unwrap_err();
        faults[0].code
    };
    let usual = FileLimits::default;
    assert_eq!(code(&FileLimits { rows: 2, ..usual() }), "too-many-rows");
    assert_eq!(
        code(&FileLimits {
            file_bytes: 50,
            ..usual()
        }),
        "file"
    );
    assert_eq!(
        code(&FileLimits {
            table_bytes: 100,
            ..usual()
        }),
        "too-large"
    );
    let long = format!(
        "01;1;1;2026-03-31;\"{}\n",
        "x".repeat(limits::CELL_BYTES + 1)
    );
    assert!(Desk::with(&long).told()[0].contains("look for a quote that is not closed"));
    let many = "bad\n".repeat(100);
    assert_eq!(
        Desk::with(&many).told().len(),
        limits::FAULTS,
        "the rest is not told"
    );
    std::fs::remove_file(desk.files().join("execution.csv")).unwrap();
    assert_eq!(code(&usual()), "file");
}

#[test]
fn limits_of_the_manifest_count() {
    let desk = Desk::with(ROWS);
    let manifest = MANIFEST.replace("[[file.table]]", "[file]\nrows_limit = 2\n[[file.table]]");
    desk.write("manifest.toml", &manifest);
    assert!(desk.told()[0].contains("has more than 2 rows"));
}

/// What stands in the manifest, what somebody wrote instead, and where the fault is.
const WRONG: [(&str, &str, &str); 13] = [
    (
        "type = \"money\"",
        "type = \"manat\"",
        "18 file.table[1].columns.spent.type",
    ),
    (
        "file = \"execution.csv\"",
        "file = \"../x.csv\"",
        "12 file.table[1].file",
    ),
    (
        "file = \"execution.csv\"",
        "file = \"x.xls\"",
        "12 file.table[1].file",
    ),
    (
        "separator = \";\"",
        "separator = \"; \"",
        "13 file.table[1].separator",
    ),
    (
        "key = [\"code\", \"quarter\"]",
        "key = \"kode\"",
        "15 file.table[1].key",
    ),
    (
        "header = \"Rüb\"",
        "head = \"Rüb\"",
        "17 file.table[1].columns.quarter.header",
    ),
    (
        "to = \"/period/quarter\"",
        "to = \"/period\"",
        "17 file.table[1].columns.quarter",
    ),
    (
        "table = \"execution\"",
        "table = \"other\"",
        "25 file.operation[1].table",
    ),
    ("page = 2", "page = 9999", "35 file.operation[2].page"),
    (
        "column = \"day\"",
        "column = \"days\"",
        "37 file.operation[2].params.from.column",
    ),
    (
        "path = \"/all\"",
        "path = \"all\"",
        "42 file.operation[3].path",
    ),
    (
        "path = \"/all\"",
        "path = \"/every\"",
        "40 file.operation[3]",
    ),
    (
        "params.most =",
        "params.offset =",
        "38 file.operation[2].params.offset",
    ),
];

#[test]
fn faults_of_the_manifest_name_line_and_remedy() {
    for (right, wrong, told) in WRONG {
        let desk = Desk::with(ROWS);
        assert!(MANIFEST.contains(right), "{right}");
        desk.write("manifest.toml", &MANIFEST.replacen(right, wrong, 1));
        let faults = desk.open().unwrap_err();
        let told = format!("manifest.toml:{told}");
        let mut places = faults.iter().map(Fault::at);
        assert!(places.any(|place| place == told), "{wrong}: {faults:#?}");
        assert!(faults.iter().all(|fault| !fault.remedy.is_empty()));
    }
}

#[test]
fn manifest_and_openapi_must_agree() {
    let code = |change: &dyn Fn(&mut Value)| {
        let desk = Desk::with(ROWS);
        let mut document = openapi();
        change(&mut document["paths"]);
        desk.write("openapi.json", &document.to_string());
        desk.open().unwrap_err()[0].code
    };
    let query = json!({ "name": "x", "in": "query", "schema": { "type": "string" } });
    let read = |paths: &mut Value| {
        let parameters = &mut paths["/execution"]["get"]["parameters"];
        parameters.as_array_mut().unwrap().push(query.clone());
    };
    assert_eq!(code(&read), "query-not-read");
    let paging = |paths: &mut Value| {
        let parameters = &mut paths["/execution"]["get"]["parameters"];
        parameters.as_array_mut().unwrap().pop();
    };
    assert_eq!(code(&paging), "paging-not-declared");
    let more = |paths: &mut Value| {
        paths["/execution/more"] = paths["/execution/all"].clone();
    };
    assert_eq!(code(&more), "endpoint-without-operation");
    let post = |paths: &mut Value| {
        paths["/execution/all"]["post"] = paths["/execution/all"]["get"].clone();
    };
    assert_eq!(code(&post), "endpoint-without-operation");
}

//! Files as they come: other alphabets, other separators, and every mistake told with its place.

use conference::LinkMode;
use conference::import::{Fault, Row, from_csv, from_toml};

const HEADER: &str = "code,name,kind,level,uplink,link_mode,expected";

fn faults(rows: &str) -> Vec<String> {
    told(from_csv(format!("{HEADER}\n{rows}").as_bytes()))
}

fn told(outcome: Result<Vec<Row>, Vec<Fault>>) -> Vec<String> {
    outcome
        .expect_err("nothing may be imported")
        .iter()
        .map(ToString::to_string)
        .collect()
}

const GOOD: &str =
    "A,Điểm cầu Phường Đông Thọ,hub,city,,two_way,10\nB,Xã Hợp Tiến,site,ward,A,relay,\n";

fn good() -> Vec<Row> {
    from_csv(format!("{HEADER}\n{GOOD}").as_bytes()).unwrap()
}

#[test]
fn a_small_table_imports() {
    let rows = good();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0].site.expected, rows[1].site.expected),
        (Some(10), None)
    );
    assert_eq!(
        rows[1]
            .site
            .uplink
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("A")
    );
    assert_eq!(rows[1].site.link_mode, LinkMode::Relay);
    assert_eq!(rows[0].recorded, None, "no present cell, nothing recorded");
}

#[test]
fn semicolons_marks_and_carriage_returns_do_not_matter() {
    let table = format!("\u{FEFF}{HEADER}\n{GOOD}\n;;;;;;\n")
        .replace(',', ";")
        .replace('\n', "\r\n");
    assert_eq!(from_csv(table.as_bytes()), Ok(good()));
}

#[test]
fn utf_16_as_spreadsheets_save_it_is_read() {
    let table = format!("\u{FEFF}{HEADER}\n{GOOD}");
    let bytes: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(from_csv(&bytes), Ok(good()));
}

#[test]
fn windows_1258_is_recognised_and_composed() {
    // The code page writes tones as separate letters behind the vowel: 0xD2 hook, 0xF2 dot below, 0xEC acute,
    // 0xCC grave, 0xDE tilde. Đ is 0xD0, ê 0xEA, ô 0xF4, â 0xE2, ư 0xFD, ơ 0xF5.
    let mut bytes = format!("{HEADER}\n").into_bytes();
    bytes.extend(
        b"A,\xD0i\xEA\xD2m c\xE2\xCCu Ph\xFD\xF5\xCCng \xD0\xF4ng Tho\xF2,hub,city,,two_way,10\n",
    );
    bytes.extend(b"B,Xa\xDE H\xF5\xF2p Ti\xEA\xECn,site,ward,A,relay,\n");
    assert_eq!(from_csv(&bytes), Ok(good()));
}

#[test]
fn damaged_utf_8_is_not_taken_for_windows_1258() {
    let mut bytes = format!("{HEADER}\n{GOOD}").into_bytes();
    let last = bytes.len() - 20;
    bytes[last] = 0xFF;
    let told = told(from_csv(&bytes));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with("line 3, file: found a byte that is not UTF-8"),
        "{told:?}"
    );
}

#[test]
fn a_damaged_file_with_a_mark_is_refused_like_one_without() {
    let mut bytes = format!("\u{FEFF}{HEADER}\n{GOOD}").into_bytes();
    let last = bytes.len() - 20;
    bytes[last] = 0xFF;
    let told_of = told(from_csv(&bytes));
    assert_eq!(told_of.len(), 1, "{told_of:?}");
    assert!(
        told_of[0].starts_with("line 3, file: found a byte that is not UTF-8, 0xFF"),
        "{told_of:?}"
    );

    let table = format!("\u{FEFF}{HEADER}\n{GOOD}");
    let mut units: Vec<u16> = table.encode_utf16().collect();
    let last = units.len() - 20;
    units[last] = 0xD800;
    let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_be_bytes).collect();
    assert_eq!(
        told(from_csv(&bytes)),
        [
            "line 3, file: found half a letter of UTF-16BE, expected UTF-16BE throughout, as the file begins"
        ]
    );
    let whole: Vec<u8> = table.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(from_csv(&whole), Ok(good()));
    let cut = told(from_csv(&whole[..whole.len() - 1]));
    assert!(cut[0].contains("half a letter"), "{cut:?}");
}

#[test]
fn a_name_that_lost_a_letter_before_it_came_here_is_refused() {
    assert_eq!(
        faults("A,Ph\u{FFFD}ng,hub,city,,two_way,\n"),
        [
            "line 2, name: found U+FFFD, in place of a letter that was lost, expected visible text of 1 to 200 characters"
        ]
    );
}

#[test]
fn a_quote_that_is_not_closed_loses_no_rows_in_silence() {
    let table = format!(
        "{HEADER},provenance\nA,Gốc,hub,city,,two_way,10,\nB,Xã Đông,site,ward,A,relay,1,\"kê khai\n\
         C,Xã Tây,site,ward,A,relay,1,\nD,Xã Nam,site,ward,A,relay,1,\n"
    );
    assert_eq!(
        told(from_csv(table.as_bytes())),
        [
            "line 3, provenance: found a line break inside a cell, expected one line; is a closing quote missing?"
        ]
    );
    // The next quote closes it: two rows look like one.
    let table = table.replace(
        "D,Xã Nam,site,ward,A,relay,1,",
        "D,Xã Nam,site,ward,A,relay,1,\"",
    );
    assert_eq!(told(from_csv(table.as_bytes())).len(), 1);
}

#[test]
fn toml_says_the_same() {
    let table = r#"
        [[sites]]
        code = "A"
        name = "Điểm cầu Phường Đông Thọ"
        kind = "hub"
        level = "city"
        link_mode = "two_way"
        expected = 10

        [[sites]]
        code = "B"
        name = "Xã Hợp Tiến"
        kind = "site"
        level = "ward"
        uplink = "A"
        link_mode = "relay"
    "#;
    assert_eq!(from_toml(table), Ok(good()));
}

#[test]
fn toml_knows_dates_and_lists_and_names_the_line_of_a_bad_key() {
    let table = "[[sites]]\ncode = \"A\"\nname = \"N\"\nkind = \"hub\"\nlevel = \"l\"\nlink_mode = \"two_way\"\n\
                 valid_from = 2021-02-01\nstreets = [\"Phố 1\", \"Phố 2\"]\n";
    let site = from_toml(table).unwrap().remove(0).site;
    assert_eq!(site.streets, ["Phố 1", "Phố 2"]);
    assert_eq!(site.valid_from.unwrap().to_string(), "2021-02-01");

    let wrong = table
        .replace("kind = \"hub\"", "kind = true")
        .replace("level = \"l\"", "level = [1]\nlevle = 1");
    let told = told(from_toml(&format!("{wrong}extra = -1\n[other]\n")));
    assert_eq!(
        told.iter()
            .map(|text| text.split(", expected").next().unwrap())
            .collect::<Vec<_>>(),
        [
            "line 4, kind: found true",
            "line 5, level: found array",
            "line 6, levle: found an unknown key",
            "line 10, extra: found -1",
            "line 11, other: found an unknown key",
        ]
    );
}

#[test]
fn toml_that_is_none_is_told_by_line() {
    assert!(told(from_toml("[[sites]]\ncode = \n"))[0].starts_with("line 2, file: found"));
    assert_eq!(
        told(from_toml("")),
        ["sites: found nothing, expected one [[sites]] table for each site"]
    );
    assert!(told(from_toml("sites = 3"))[0].starts_with("sites: found integer"));
    assert!(told(from_toml("sites = [3]"))[0].starts_with("line 1, sites: found integer"));
}

#[test]
fn every_bad_place_of_every_row_is_told_and_nothing_imported() {
    let told = faults(
        "A,Root,hub,city,,two_way,10\n\
         B B,,room,ward,A,both,-1\n\
         C,Name,site,ward,A,two_way,1e3\n\
         D,Name,site,ward,A,two_way,20001\n",
    );
    assert_eq!(
        told,
        [
            "line 3, code: found B B, expected 1 to 32 characters out of A-Z a-z 0-9 . _ -",
            "line 3, kind: found room, expected hub or site",
            "line 3, link_mode: found both, expected two_way, relay or loudspeaker",
            "line 3, name: found blank, expected visible text of 1 to 200 characters",
            "line 3, expected: found -1, expected blank or a whole number of people, 0 to 20000",
            "line 4, expected: found 1e3, expected blank or a whole number of people, 0 to 20000",
            "line 5, expected: found 20001, expected blank or a whole number of people, 0 to 20000",
        ]
    );
}

#[test]
fn columns_are_told_by_name() {
    let told = told(from_csv(
        b"code,name,kind,level,uplink,colour,code\nA,B,hub,l,,red,A\n",
    ));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].starts_with("line 1, colour: found an unknown column, expected one of code, name,")
    );
    assert!(told[1].starts_with("line 1, code: found the column a second time"));
    assert!(told[2].starts_with("line 1, link_mode: found no such column"));
    let shifted =
        faults("A,R,hub,city,,two_way,\nB,Xã Đông, cũ,site,ward,A,two_way,\nC,Xã,site,ward,A\n");
    assert!(
        shifted
            .contains(&"line 3, row: found 8 cells, expected 7 cells, as in the header".to_owned())
    );
    assert!(
        shifted
            .contains(&"line 4, row: found 5 cells, expected 7 cells, as in the header".to_owned())
    );
    assert_eq!(
        shifted
            .iter()
            .filter(|told| !told.contains("row:") && !told.contains("uplink:"))
            .count(),
        0
    );
    for empty in ["", "\n\n", "\u{FEFF}"] {
        assert_eq!(
            from_csv(empty.as_bytes()).unwrap_err()[0].column,
            "header",
            "{empty:?}"
        );
    }
    assert!(faults("")[0].starts_with("sites: found 0, expected 1 to 100000 rows"));
}

#[test]
fn sites_that_hang_wrongly_are_told_by_name() {
    assert_eq!(
        faults(
            "A,Tỉnh,hub,p,,two_way,\nB,Huyện,hub,d,C,two_way,\nC,Xã,hub,c,D,two_way,\nD,Thôn,hub,t,B,two_way,\n"
        ),
        [
            "line 3, uplink: found B (Huyện) → C (Xã) → D (Thôn) → B (Huyện), expected uplinks that lead to the root"
        ]
    );
    assert_eq!(
        faults("A,Tỉnh,hub,p,,two_way,\nB,Xã,hub,c,B,two_way,\n"),
        ["line 3, uplink: found B (Xã) → B (Xã), expected uplinks that lead to the root"]
    );
    let roots = faults("A,Tỉnh,hub,p,,two_way,\nB,Huyện,hub,d,,two_way,\n");
    assert_eq!(
        roots[1],
        "line 3, uplink: found blank, as in all of A (Tỉnh), B (Huyện), expected exactly one root"
    );
    assert_eq!(roots.len(), 2);
    assert_eq!(
        faults(
            "A,T,hub,p,,two_way,\nB,X,site,c,Z,two_way,\nB,X,site,c,A,two_way,\nC,Y,site,c,B,two_way,\n"
        ),
        [
            "line 3, uplink: found Z, expected the code of a row",
            "line 4, code: found B, as on line 3, expected a code no other row has",
            "line 5, uplink: found B, of kind site, expected a row of kind hub",
        ]
    );
    let rootless = faults("A,T,hub,p,B,two_way,\nB,X,hub,c,A,two_way,\n");
    assert_eq!(
        rootless[0],
        "uplink: found no row with a blank uplink, expected exactly one, the root"
    );
    assert!(
        faults("A,T,site,p,,two_way,\n")[0].starts_with("line 2, kind: found site, for the root")
    );
}

#[test]
fn too_deep_is_told_once_for_each_branch() {
    let chain = (1..40).map(|n| format!("H{n},R,hub,l,H{},two_way,\n", n - 1));
    let rows: String = ["H0,R,hub,l,,two_way,\n".to_owned()]
        .into_iter()
        .chain(chain)
        .collect();
    assert_eq!(
        faults(&rows),
        ["line 34, uplink: found a path of more than 32 sites, expected at most 32"]
    );
}

#[test]
fn a_site_is_not_called_like_the_program() {
    assert_eq!(
        faults("A,R,hub,l,,two_way,\nprogram,S,site,l,A,two_way,\n"),
        ["line 3, code: found program, expected another code: at a relay this word is the program"]
    );
    let capital = format!("{HEADER}\nPROGRAM,R,hub,l,,two_way,\n");
    assert!(from_csv(capital.as_bytes()).is_ok());
}

#[test]
fn invisible_letters_are_refused_and_markup_is_not() {
    let table = |name: &str| format!("{HEADER}\nA,{name},hub,city,,two_way,\n");
    let site = from_csv(table("<script>alert(1)</script> =1+1").as_bytes())
        .unwrap()
        .remove(0)
        .site;
    assert_eq!(site.name, "<script>alert(1)</script> =1+1");
    let wrong = told(from_csv(table("\u{202E}gnart").as_bytes()));
    assert!(
        wrong[0].starts_with("line 2, name: found the invisible character U+202E"),
        "{wrong:?}"
    );
    let wrong = told(from_csv(table("\"two\nlines\"").as_bytes()));
    assert_eq!(
        wrong,
        [
            "line 2, name: found a line break inside a cell, expected one line; is a closing quote missing?"
        ]
    );
    let wrong = told(from_csv(table(&"ộ".repeat(201)).as_bytes()));
    assert!(
        wrong[0].starts_with("line 2, name: found 201 characters, at most 200"),
        "{wrong:?}"
    );
}

#[test]
fn recorded_figures_must_add_up_like_any_others() {
    let header =
        "code,name,kind,level,uplink,link_mode,on_roll,exempt,expected,present,late,absent_excused";
    let read =
        |row: &str| from_csv(format!("{header}\nA,Root,hub,city,,two_way,{row}\n").as_bytes());
    let recorded = read("12,2,10,9,1,1").unwrap()[0].recorded.unwrap();
    assert_eq!(
        (
            recorded.expected,
            recorded.present,
            recorded.late,
            recorded.absent_excused
        ),
        (10, 9, 1, 1)
    );
    assert_eq!(
        read("12,2,,9,1,1").unwrap()[0].site.expected(),
        Some(10),
        "the roll gives the expected figure"
    );
    assert!(told(read("12,2,11,9,1,1"))[0].contains("expected on_roll − exempt = 12 − 2 = 10"));
    assert!(
        told(read("2,12,,,,"))[0]
            .starts_with("line 2, exempt: found 12, expected at most on_roll, 2")
    );
    assert!(told(read(",,10,8,1,1"))[0].contains("expected is 10, but present +"));
    assert!(told(read(",,10,9,10,1"))[0].contains("10 came late, but only 9 are present"));
    assert!(told(read(",,,9,,"))[0].starts_with("line 2, expected: found blank"));
    assert!(told(read(",,10,,1,"))[0].starts_with("line 2, present: found blank"));
}

#[test]
fn a_hundred_thousand_rows_import_and_one_more_does_not() {
    let halls = (1..100_000).map(|n| format!("S{n},Hall,site,ward,ROOT,two_way,1\n"));
    let head = format!("{HEADER}\nROOT,Root,hub,city,,two_way,1\n");
    let mut table: String = [head].into_iter().chain(halls).collect();
    assert_eq!(
        from_csv(table.as_bytes()).map(|rows| rows.len()),
        Ok(100_000)
    );
    table.push_str("LAST,Hall,site,ward,ROOT,two_way,1\n");
    let faults = from_csv(table.as_bytes()).unwrap_err();
    assert_eq!((faults.len(), faults[0].line), (1, Some(100_002)));
}

mod hostile {
    use super::*;
    use proptest::prelude::*;

    /// Tables in which every cell is apt to be wrong.
    fn tables() -> impl Strategy<Value = String> {
        let cell = prop::sample::select(vec![
            "A", "B", "C", "", "hub", "site", "two_way", "relay", "7", "-1", "\"", "\"x\ny\"",
            "\u{202E}", ",", ";",
        ]);
        proptest::collection::vec(proptest::collection::vec(cell, 5..9), 0..9).prop_map(|rows| {
            let rows: Vec<String> = rows.into_iter().map(|cells| cells.join(",")).collect();
            format!("{HEADER}\n{}", rows.join("\n"))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_rows_or_faults(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Err(faults) = from_csv(&bytes) {
                prop_assert!(!faults.is_empty());
            }
        }

        #[test]
        fn any_text_is_toml_rows_or_faults(text in "(\\[\\[sites\\]\\]\n|code = |name = |\"A\"\n|[\\PC\n]){0,60}") {
            if let Err(faults) = from_toml(&text) {
                prop_assert!(!faults.is_empty());
            }
        }

        #[test]
        fn a_table_that_imports_is_a_conference(table in tables()) {
            match from_csv(table.as_bytes()) {
                Ok(rows) => {
                    let sites = rows.into_iter().map(|row| row.site).collect();
                    prop_assert!(conference::SiteTree::new(sites).is_ok());
                }
                Err(faults) => {
                    prop_assert!(!faults.is_empty());
                    let lines = table.lines().count() as u32 + 1;
                    prop_assert!(faults.iter().all(|fault| fault.line.is_none_or(|line| line <= lines)));
                }
            }
        }
    }
}

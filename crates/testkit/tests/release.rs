//! scratch
use caucus::*;
use std::collections::BTreeMap;
#[test]
fn counts() {
    let dir = match testkit::shared_data("iowa2020") {
        Ok(d) => d,
        Err(e) => return e.skip(),
    };
    let night = testkit::Night::from_release(&dir).unwrap();
    let mut totals = Totals::default();
    for r in &night.reports {
        totals
            .add(night.unit(r), &r.worksheet, &night.rules)
            .unwrap();
    }
    for (p, t) in &totals.pools {
        println!("{p} {} {}", t.units, t.attendees);
    }
    let mut codes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut any = 0;
    let (mut wrong_sde, mut withp, mut withs) = (0, 0, 0);
    let mut rep = BTreeMap::<&str, (u32, u32)>::new();
    for r in &night.reports {
        let unit = night.unit(r);
        let sat = matches!(unit.kind, Kind::Satellite { .. });
        let fs = findings(unit, &night.rules, &r.worksheet);
        let mut names: Vec<&str> = fs.iter().map(|f| f.code.as_str()).collect();
        names.sort();
        names.dedup();
        for n in &names {
            *codes.entry(n).or_default() += 1;
        }
        if names.iter().any(|n| n.starts_with('E')) {
            any += 1;
        }
        let sdes = unit_sdes(unit, &r.worksheet, &totals, &night.roster, &night.rules);
        let p = &night.published[&r.unit];
        for (g, s) in &sdes {
            if s.decimal(4) != p.cells[g].sde {
                wrong_sde += 1;
                println!("{} {g} {} {}", r.unit, s.decimal(4), p.cells[g].sde);
            }
        }
        if r.worksheet.reported.total().get() > 0 {
            if sat { withs += 1 } else { withp += 1 }
        }
        let f1 = r.worksheet.first.total();
        let f2 = r.worksheet.last.total();
        if sat {
            if f1 != r.worksheet.attendees {
                println!("sat {} F1 {} A {}", r.unit, f1, r.worksheet.attendees);
            }
        }
        if !sat {
            let ok = permitted(&night.rules, unit, &r.worksheet, &r.worksheet.reported);
            let d = delegates_to_elect(&night.rules, unit, r.worksheet.attendees).get();
            let mut note = |k, ok| {
                let e = rep.entry(k).or_default();
                e.1 += 1;
                if ok {
                    e.0 += 1
                }
            };
            let top = if d == 1 {
                ok && !names.contains(&"W_single_delegate_not_top")
            } else {
                ok
            };
            if f1.get() > 0 && f2.get() > 0 {
                note("all data", top);
                if d > 1 {
                    note("d>1", ok);
                    let dirty = [
                        "E_final_gt_first",
                        "E_viable_lost_votes",
                        "E_viable_to_zero",
                        "E_column_swap",
                        "E_no_viable_group",
                    ]
                    .iter()
                    .any(|c| names.contains(c));
                    if !dirty {
                        note("clean", ok);
                    }
                }
            }
        }
    }
    println!("{codes:#?} any {any} wrong {wrong_sde} with {withp} {withs} {rep:?}");
    let res = totals.results(&night.roster, &night.rules).unwrap();
    for row in res.statewide {
        println!(
            "{} {} {} {} {}",
            row.group, row.first, row.last, row.delegates, row.sde
        );
    }
}

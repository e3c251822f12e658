#!/usr/bin/python3
"""Makes the recipient files beside it, with the tools that people export with.

Needs Debian's libreoffice-calc-nogui, gnumeric, python3-openpyxl, python3-xlwt,
python3-yaml, sqlite3, nodejs, dos2unix, gzip and iconv. What the files are to give
stands in internal/plan/testdata/corpus.txt. Everybody in them is made up.
"""
import csv, datetime, gzip, io, json, os, pathlib, shutil, subprocess, tempfile

import openpyxl, xlwt, yaml

HERE = pathlib.Path(__file__).parent
TMP = pathlib.Path(tempfile.mkdtemp())
HEADER = ["用户ID", "企业ID", "企业名称", "联系人"]
ROWS = [
    ["u-1", "o-1", "示例金康机械制造厂", "甲"],
    ["u-2", "o-2", "示例润利园林, 股份有限公司", "乙 \"小乙\""],
    ["u-3", "o-3", "示例环科\n（集团）有限公司", "丙"],
]
PLAIN = [[c.replace(",", "").replace("\n", "").replace('"', "") for c in r] for r in ROWS]


def text(name, body, encoding="utf-8"):
    (HERE / name).write_bytes(body.encode(encoding) if isinstance(body, str) else body)


def delimited(rows, **how):
    out = io.StringIO()
    csv.writer(out, **how).writerows(rows)
    return out.getvalue()


def run(*args, **how):
    return subprocess.run(args, check=True, capture_output=True, **how).stdout


def office(source, filter, target):
    """Converts with LibreOffice."""
    out = tempfile.mkdtemp(dir=TMP)
    run("soffice", "--headless", "-env:UserInstallation=file://%s/lo" % TMP, "--convert-to", filter, "--outdir", out, str(source))
    made = next(pathlib.Path(out).iterdir())
    shutil.copy(made, HERE / target)


def book(rows, change=None, name="Sheet1"):
    """A workbook in memory."""
    b = openpyxl.Workbook()
    s = b.active
    s.title = name
    for row in rows:
        s.append(row)
    if change:
        change(b, s)
    return b


# Spreadsheets. One workbook is the source of what the office programs export.
base = TMP / "base.xlsx"
book([HEADER] + ROWS).save(base)
office(base, "ods", "../base.ods")
ods = TMP / "base.ods"
shutil.move(HERE / "../base.ods", ods)
office(ods, "xlsx", "libreoffice.xlsx")
office(ods, "csv:Text - txt - csv (StarCalc):44,34,76,1", "libreoffice-utf8.csv")
office(ods, "csv:Text - txt - csv (StarCalc):59,34,76,1", "libreoffice-semicolon.csv")
office(ods, "csv:Text - txt - csv (StarCalc):9,34,76,1", "libreoffice-tab.tsv")
office(ods, "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,true", "libreoffice-quoted.csv")
office(ods, "csv:Text - txt - csv (StarCalc):44,34,65535,1", "libreoffice-unicode.csv")
office(ods, "xls:MS Excel 97", "libreoffice-97.xls")
text("excel-2003.xls", '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"></Workbook>\n')
office(ods, "html", "libreoffice-html.xls")
shutil.copy(ods, HERE / "libreoffice-ods.xlsx")
run("ssconvert", str(ods), str(HERE / "gnumeric.xlsx"))
run("ssconvert", str(ods), str(HERE / "gnumeric.csv"))
run("ssconvert", "-O", "separator=; format=raw quoting-mode=always", "-T", "Gnumeric_stf:stf_assistant", str(ods), str(HERE / "gnumeric-quoted.csv"))

# What people do in sheets.
def titled(b, s):
    s.insert_rows(1, 2)
    s["A1"] = "第四次经济普查催报名单"
    s.merge_cells("A1:D1")
    s["A2"] = "单位：家"
    s.append(["合计", None, 3])
    s.append([])
    s.append(["制表人：丁", None, None, "2026-11-30"])

book([HEADER] + ROWS, titled, "名单").save(HERE / "title.xlsx")
office(HERE / "title.xlsx", "csv:Text - txt - csv (StarCalc):44,34,76,1", "title.csv")

def merged(b, s):
    s.insert_rows(1)
    s["A1"], s["B1"], s["C1"] = "用户ID", "企业ID", "企业"
    s["A2"] = s["B2"] = None
    s.merge_cells("A1:A2")
    s.merge_cells("B1:B2")
    s.merge_cells("C1:D1")

book([HEADER] + ROWS, merged).save(HERE / "merged-header.xlsx")
office(HERE / "merged-header.xlsx", "csv:Text - txt - csv (StarCalc):44,34,76,1", "merged-header.csv")

def hidden(b, s):
    s.auto_filter.ref = "A1:D4"
    s.row_dimensions[3].hidden = True

book([HEADER] + ROWS, hidden).save(HERE / "filtered.xlsx")

def second(b, s):
    n = b.create_sheet("名单")
    for row in [HEADER] + ROWS:
        n.append(row)

book([["说明"], ["第二张表是名单"]], second, "说明").save(HERE / "second-sheet.xlsx")

def numbers(b, s):
    s.append([13800138000, 1, "整数", datetime.date(2026, 12, 31)])
    s.append([913202823456789012, 2, "十八位", 1234.5])
    s.append([138.0, "３", "全角", True])
    s.append(["1.38E+10", "4.0", "科学计数", 0.5])
    for i in range(2, 6):
        s.cell(i, 1).number_format = "0"
    s["D2"].number_format = "yyyy/m/d"
    s["D3"].number_format = "#,##0.00"

book([HEADER], numbers).save(TMP / "numbers.xlsx")
office(TMP / "numbers.xlsx", "xlsx", "numbers.xlsx")
shutil.copy(TMP / "numbers.xlsx", HERE / "numbers-openpyxl.xlsx")

def dates(b, s):
    for i, format in enumerate(["mm-dd-yy", "m/d/yy h:mm", "h:mm", "yyyy\"年\"m\"月\"d\"日\"", "yyyy-mm-dd", "#,##0.00", "0%", "General", "@"], 1):
        s.append(["u-%d" % i, "o-1", format, 0.25 if format in ("0%", "h:mm") else 1234567.5 if format in ("#,##0.00", "General") else datetime.datetime(2026, 3, 5, 8, 30)])
        s.cell(i + 1, 4).number_format = format

book([HEADER], dates).save(HERE / "dates.xlsx")

def hidden_sheet(b, s):
    s.sheet_state = "hidden"
    n = b.create_sheet("名单")
    for row in [HEADER] + ROWS:
        n.append(row)

book([["用户ID", "企业ID"], ["u-9", "o-9"]], hidden_sheet, "旧名单").save(HERE / "hidden-sheet.xlsx")

def narrow(b, s):
    s.append([13800138000, 913202823456789012, "甲厂", "甲"])
    s["A2"].number_format = "0.00E+00"

book([HEADER], narrow).save(TMP / "narrow.xlsx")
office(TMP / "narrow.xlsx", "csv:Text - txt - csv (StarCalc):44,34,76,1", "numbers-as-shown.csv")

def formulas(b, s):
    for i, row in enumerate(ROWS, 2):
        s.append(['="u-"&ROW()-1', row[1], "=LOWER(D%d)&E1" % i, row[3]])

book([HEADER], formulas).save(TMP / "formulas.xlsx")
office(TMP / "formulas.xlsx", "xlsx", "formulas.xlsx")
shutil.copy(TMP / "formulas.xlsx", HERE / "formulas-not-computed.xlsx")

def errors(b, s):
    s.append(["=1/0", "o-1", "甲厂", "甲"])
    s.append(["u-2", "=VLOOKUP(1,F1:G2,2,FALSE)", "乙厂", "乙"])

book([HEADER], errors).save(TMP / "errors.xlsx")
office(TMP / "errors.xlsx", "xlsx", "formula-errors.xlsx")

def gaps(b, s):
    s.insert_rows(3, 3)
    s.cell(9, 6).font = openpyxl.styles.Font(bold=True)
    s["B4"] = "　"

book([HEADER] + ROWS, gaps).save(HERE / "blank-rows.xlsx")
book([HEADER + ["企业名称"]] + [r + ["x"] for r in ROWS]).save(HERE / "duplicate-header.xlsx")
book([HEADER] + [r + ["x"] if r[0] == "u-2" else r for r in ROWS]).save(HERE / "cell-beside.xlsx")
book([HEADER] + ROWS + [HEADER] + [["u-4", "o-4", "丁厂", "丁"]]).save(HERE / "repeated-header.xlsx")
old = xlwt.Workbook()
sheet = old.add_sheet("名单")
for i, row in enumerate([HEADER] + ROWS):
    for j, cell in enumerate(row):
        sheet.write(i, j, cell)
old.save(str(HERE / "xlwt.xls"))
text("system-export.xls", "\t".join(HEADER) + "\r\n" + "".join("\t".join(r) + "\r\n" for r in PLAIN), "gb18030")
text("named.xlsx", delimited([HEADER] + PLAIN))
shutil.copy(HERE / "libreoffice.xlsx", HERE / "named.csv")
whole = (HERE / "libreoffice.xlsx").read_bytes()
text("cut-off.xlsx", whole[: len(whole) // 2])

# Delimited text, as programs write it.
text("python-excel.csv", delimited([HEADER] + ROWS))
text("python-tab.tsv", delimited([HEADER] + ROWS, dialect="excel-tab"))
text("python-unix.csv", delimited([HEADER] + ROWS, dialect="unix"))
text("python-bom.csv", delimited([HEADER] + ROWS), "utf-8-sig")
text("python-bar.csv", delimited([HEADER] + ROWS, delimiter="|"))
text("sqlite.csv", run("sqlite3", "-csv", "-header", ":memory:", "create table t(用户ID,企业ID,企业名称,联系人);"
     + "".join("insert into t values('%s','%s','%s','%s');" % tuple(r) for r in ROWS) + "select * from t"))
utf8 = delimited([HEADER] + ROWS, lineterminator="\n").encode()
for name, encoding in [("iconv-gb18030.csv", "GB18030"), ("iconv-gbk.csv", "GBK"), ("iconv-utf16.csv", "UTF-16"), ("iconv-utf16le.csv", "UTF-16LE"),
                       ("iconv-utf16be.csv", "UTF-16BE"), ("iconv-utf32.csv", "UTF-32")]:
    text(name, run("iconv", "-f", "UTF-8", "-t", encoding, input=utf8))
text("iconv-big5.csv", run("iconv", "-f", "UTF-8", "-t", "BIG5", input="用戶ID,企業ID,名稱\nu-1,o-1,測試機關\nu-2,o-2,範例公司\n".encode()))
text("iconv-latin1.csv", run("iconv", "-f", "UTF-8", "-t", "LATIN1", input="userid,orgid,name\nu-1,o-1,Müller\nu-2,o-2,plain\n".encode()))
text("gb18030-rare.csv", delimited([HEADER, ["u-1", "o-1", "示例㐀鎶公司", "𠮷"]], lineterminator="\n"), "gb18030")
text("gbk-mixed.csv", utf8 + "u-4,o-4,丁厂,丁\n".encode("gbk"))
text("dos.csv", run("unix2dos", input=utf8))
text("mac.csv", run("unix2mac", input=utf8))
text("gzip.csv.gz", run("gzip", "-n", input=utf8))
text("gzip-gbk.tsv.gz", run("gzip", "-n", input=delimited([HEADER] + ROWS, dialect="excel-tab").encode("gbk")))
text("gzip-cut-off.csv.gz", run("gzip", "-n", input=utf8)[:-12])
text("gzip-not.csv.gz", utf8)
text("gzip-named.csv", run("gzip", "-n", input=utf8))
text("concatenated.csv", utf8 + utf8.replace(b"u-", b"u-1"))

# Delimited text, as people leave it.
text("only-header.csv", ",".join(HEADER) + "\n")
text("empty.csv", "")
text("no-header.csv", delimited(PLAIN))
text("one-column.csv", "用户ID\nu-1\nu-2\n")
text("trailing.csv", "".join(",".join(r) + ",,,\r\n" for r in [HEADER] + PLAIN) + ",,,,,,\r\n")
text("short-long.csv", "用户ID,企业ID,企业名称,联系人\nu-1,o-1,甲厂\nu-2,o-2,乙厂,乙,丙\nu-3,o-3,丙厂,丙\n")
text("quotes.csv", "用户ID,企业ID,企业名称,联系人\nu-1,o-1,\"甲\"厂,甲\nu-2,o-2,乙\"厂,乙\nu-3,o-3,\"丙厂,丙\nu-4,o-4,丁厂,丁\n")
text("fullwidth.csv", "用户ID,企业ID,企业名称,联系人\n　ｕ－１,ｏ－１　,甲厂,甲\nu-2\u00a0,\u200bo-2,乙厂,　\n")
text("mangled.csv", "用户ID,企业ID,企业名称,联系人\n1.38E+10,o-1,甲厂,甲\n123.0,o-2,乙厂,乙\n9.13202823456789E17,o-3,丙厂,丙\n#N/A,o-4,丁厂,丁\n5e12,007,戊厂,戊\n")
text("blank-lines.csv", "\n\n用户ID,企业ID,企业名称,联系人\n\n \t\nu-1,o-1,甲厂,甲\n,,,\n　,,,\nu-2,o-2,乙厂,乙\n\n")
text("nul.csv", b"userid,orgid\nu-1,o-1\nu-\x002,o-2\n")
text("duplicates.csv", "用户ID,企业ID,企业名称,联系人\nu-1,o-1,甲厂,甲\nu-2,o-2,乙厂,乙\nｕ－１,o-1,甲厂,丙\n")
text("stop.csv", "用户ID,企业ID,企业名称,联系人\nu-1,o-1,甲厂,甲\n 合计：,1,,\n制表人：丁\nu-2,o-2,乙厂,乙\n")
text("stop-not-there.csv", "用户ID,企业ID,企业名称,联系人\nu-1,o-1,合计 1,甲\n")

# Records.
records = [dict(zip(HEADER, r)) for r in ROWS]
text("python.ndjson", "".join(json.dumps(r) + "\n" for r in records))
text("python.json", json.dumps(records, ensure_ascii=False, indent=2) + "\n")
text("node.json", run("node", "-e", "let s='';process.stdin.on('data',d=>s+=d).on('end',()=>process.stdout.write(JSON.stringify(JSON.parse(s))))", input=json.dumps(records).encode()))
text("gzip.ndjson.gz", run("gzip", "-n", input="".join(json.dumps(r, ensure_ascii=False) + "\r\n" for r in records).encode("gb18030")))
text("python.yaml", yaml.safe_dump(records, allow_unicode=True))
text("hand.yaml", "# 名单\n---\n  - 用户ID: 007   # kept as it is\n    企业ID: o-1\n\n    企业名称: |\n      - 甲\n      # 厂\n    联系人: ~\n  - {用户ID: 'u-2', 企业ID: 1e3, 联系人: yes}\n")
text("bad.ndjson", '{"用户ID":"u-1","企业ID":"o-1"}\n{"用户ID":"u-2","企业ID":["o-2"]}\n\n{"用户ID":"u-3","用户ID":"u-4"}\n{"用户ID":"u-5"\n["u-6"]\n{"用户ID":1.38E+10,"企业ID":null}\n{"用户ID":"u-8","企业ID":"o-8"} x\n')
text("bad.json", '[{"用户ID":"u-1","企业ID":"o-1"},\n {"用户ID":"u-2","企业ID":"o-2"}\n {"用户ID":"u-3","企业ID":"o-3"}]\n')
text("cut-off.json", '[{"用户ID":"u-1","企业ID":"o-1"},\n {"用户ID":"u-2","企')
text("object.json", '{"data":[{"用户ID":"u-1","企业ID":"o-1"}]}\n')
text("bad.yaml", "- 用户ID: u-1\n  企业ID: o-1\n- 用户ID: [u-2]\n  企业ID: o-2\n- 用户ID: &a u-3\n  企业ID: *a\n- 用户ID: u-4\n  用户ID: u-5\n- 用户ID: 'u-6\n- u-7\n- 用户ID: !!str u-8\n  企业ID: o-8\n")
text("mapping.yaml", "recipients:\n- 用户ID: u-1\n  企业ID: o-1\n")

shutil.rmtree(TMP)

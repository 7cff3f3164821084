# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: LibreOffice without a display: a text and a sheet converted to PDF, docx, xlsx and back
# packages: libreoffice-writer libreoffice-calc poppler-utils
# user: yes
# cpu: 900

run() {
	local f
	{
		echo '<html><body><h1>Title</h1><ul>'
		for f in $(seq 60); do echo "<li>item $f <b>bold $((f * f))</b> <i>text</i></li>"; done
		echo '</ul><table border=1>'
		for f in $(seq 30); do echo "<tr><td>$f</td><td>$((f * 7))</td><td>cell</td></tr>"; done
		echo '</table></body></html>'
	} >a.html
	for f in $(seq 200); do echo "$f,$((f * f)),name $f,=A$f+B$f"; done >b.csv
	convert() {
		soffice -env:UserInstallation="file://$PWD/profile" --headless --norestore --convert-to "$@" >>log 2>&1
		echo "$* status $?"
	}
	convert odt:writer8 --infilter='HTML (StarWriter)' a.html
	convert pdf a.odt
	convert docx a.odt
	mv a.pdf first.pdf
	convert pdf a.docx
	convert xlsx b.csv
	convert csv --outdir out b.xlsx
	pdftotext -layout first.pdf - | md5sum
	pdftotext -layout a.pdf - | md5sum
	md5sum <out/b.csv
	unzip -l a.docx | awk '{ print $4 }' | sort
	cat log >&2
}

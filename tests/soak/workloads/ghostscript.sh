# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: Ghostscript: a page rendered by six devices, PDF written and read again
# packages: ghostscript poppler-utils
# short: yes

run() {
	cat >a.ps <<-'END'
		%!PS
		/Helvetica findfont 24 scalefont setfont
		1 1 4 { /page exch def
		  72 700 moveto (Page ) show page 10 string cvs show
		  0 1 60 { /i exch def i 60 div 1 i 60 div sub 0.5 setrgbcolor newpath 300 400 i 4 mul 0 360 arc stroke
		    72 600 i 9 mul sub moveto (line ) show i 10 string cvs show } for
		  << /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 600 0]
		    /Function << /FunctionType 2 /Domain [0 1]
		    /C0 [1 0 0] /C1 [0 0 1] /N 1 >> >> gsave 0 0 600 100 rectclip shfill grestore
		  200 200 8 [200 0 0 200 0 0] { 200 string dup 0 1 199
		    { dup 3 -1 roll 3 1 roll 7 mul 255 and put dup } for pop } image
		  showpage } for
	END
	for device in png16m png256 jpeg tiffg4 pcxmono pbmraw; do
		gs -q -dBATCH -dNOPAUSE -dTIFFDateTime=false -sDEVICE=$device -r60 -o "$device-%d" a.ps
		echo "$device status $?"
		cat "$device"-* | md5sum
	done
	gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -dCompressFonts=true -o a.pdf a.ps
	echo "status $?"
	gs -q -dBATCH -dNOPAUSE -sDEVICE=pngalpha -r40 -dTextAlphaBits=4 -dGraphicsAlphaBits=4 -o 'b-%d' a.pdf
	cat b-* | md5sum
	pdftotext a.pdf - | md5sum
	pdftoppm -r 40 -png a.pdf c && cat c-* | md5sum
	printf '%%!PS\n1 0 div\n' | gs -q -dBATCH -dNOPAUSE -sDEVICE=nullpage - 2>&1 | head -n 1
	gs -q -dNODISPLAY -c '0 1 200000 { dup mul pop } for 2000 { 5000 string pop } repeat (done) = quit'
}

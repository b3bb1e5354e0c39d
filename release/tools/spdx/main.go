// Reads an SPDX document with the library of the SPDX project, and prints how many packages it names.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdxlib"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	document, err := json.Read(file)
	if err != nil {
		log.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(document); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(document.Packages))
}
